"""The traffic split: which rides the challenger answers."""

from hashlib import blake2b

_BYTES = 8
_RANGE = 2.0 ** (8 * _BYTES)


def is_in_share(ride_id: str, share: float, salt: str) -> bool:
    """Whether a ride is the challenger's: the same answer in every process, at every time.

    The ride's hash is its place in [0, 1), and the challenger has the places below its share. So a greater share keeps
    every ride of a smaller one, and another salt mixes the rides anew.

    Args:
        ride_id: As the client wrote it.
        share: Of rides, from 0 (none) to 1 (all).
        salt: Of the rollout, for instance its challenger's version.
    """
    digest = blake2b(f"{salt}:{ride_id}".encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") < share * _RANGE
