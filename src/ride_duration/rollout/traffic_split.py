"""The traffic split: which rides the challenger scores."""

from hashlib import blake2b

_BYTES = 8
_RANGE = 2.0 ** (8 * _BYTES)


def is_in_share(ride_id: str, share: float, salt: str) -> bool:
    """Return whether a ride belongs to the challenger: the same in every process, at every time.

    The ride's hash is its place in [0, 1), and the challenger has the places below its share. So a greater share keeps
    every ride of a smaller one, and another salt mixes the rides again.

    Args:
        ride_id: As the client wrote it.
        share: Of rides, from 0 (none) to 1 (all).
        salt: Of the rollout, for instance its challenger's version.
    """
    digest = blake2b(f"{salt}:{ride_id}".encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") < share * _RANGE
