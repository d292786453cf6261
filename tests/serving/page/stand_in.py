"""A service in the place of the real one: the page's files and the HTTP contract, answered by a simple formula."""

import json
import math
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from ride_duration.trips.zones import zones

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
PAGE = files("ride_duration.serving") / "page"
SQUARE_KILOMETRES = 2.589988  # in a square mile


def places() -> list[dict[str, Any]]:
    """GET /zones."""
    return [
        {
            "LocationID": zone.location_id,
            "zone": zone.name,
            "borough": zone.borough,
            "latitude": zone.latitude,
            "longitude": zone.longitude,
            "square_miles": zone.area / SQUARE_KILOMETRES,
        }
        for zone in zones().values()
        if not math.isnan(zone.x)
    ]


def answer(ride: dict[str, Any]) -> dict[str, Any]:
    """Minutes by miles and by a city that is slow at eight and at five."""
    start, end = zones()[ride["PULocationID"]], zones()[ride["DOLocationID"]]
    straight = math.hypot(start.x - end.x, start.y - end.y)
    miles = ride["trip_distance"] or 1.25 * straight
    when = datetime.fromisoformat(ride["pickup_datetime"])
    hour = when.hour + when.minute / 60
    slow = 1 + 0.55 * math.exp(-(((hour - 17.2) / 3.2) ** 2)) + 0.4 * math.exp(-(((hour - 8.4) / 1.9) ** 2))
    slow -= 0.18 * math.exp(-(((hour - 3.5) / 3) ** 2))
    minutes = 4 + 2.05 * miles * slow
    return {
        "duration": minutes,
        "model_version": "2",
        "ride_id": "stand-in",
        "lower": minutes * 0.72,
        "upper": minutes * 1.46,
        "variant": "champion",
        "distance_used": ride["trip_distance"] is not None,
        "reasons": {"time": 2.05 * miles * (slow - 1.15), "distance": 2.05 * (miles - 3), "place": -1.6},
    }


def fault(ride: dict[str, Any]) -> dict[str, Any] | None:
    """What is wrong with a ride, as a problem."""
    if ride["trip_distance"] is None or 0 < ride["trip_distance"] <= 200:
        return None
    told = {"field": "trip_distance", "detail": "trip_distance is more than 0 and at most 200 miles."}
    return {"type": "about:blank", "title": "Bad ride", "status": 422, "detail": told["detail"], "errors": [told]}


class StandIn(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        path = self.path.split("?")[0].removeprefix("/")
        model = {"version": "2", "name": "ride-duration", "age_days": 1.2, "simulated": True}
        variants = [
            {"variant": "champion", "version": "2", "share": 0.95, "answered": 3120},
            {"variant": "challenger", "version": "3", "share": 0.05, "answered": 164},
        ]
        if path == "zones":
            self.reply(200, {"zones": places()})
        elif path == "live":
            StandIn.asked += 1
            rate = 21 + 9 * math.sin(StandIn.asked / 2) + 4 * math.sin(StandIn.asked * 1.7)
            counts = {"requests_per_second": rate, "requests": 4711 + StandIn.asked, "errors": 0}
            times = {"p50_ms": 0.41, "p99_ms": 2.13, "queue_depth": 0}
            self.reply(200, {**counts, **times, "model": model, "variants": variants})
        elif path == "models":
            told = {"train_data": ["2021-01"], "val_data": ["2021-02"], "rmse": 5.27, "rmse_without_distance": 6.16}
            self.reply(200, {"model": "ride-duration", "variants": [{**variant, **told} for variant in variants]})
        elif path in {"", *(f"page/{file.name}" for file in PAGE.iterdir())}:
            file = PAGE / (path.removeprefix("page/") or "index.html")
            self.send(200, KINDS[file.name.rpartition(".")[2]], file.read_bytes())
        else:
            self.reply(404, {"title": "Not found", "status": 404})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rides = body.get("rides", [body])
        wrong = next(filter(None, map(fault, rides)), None)
        if wrong:
            self.reply(422, wrong)
        elif "rides" in body:
            self.reply(200, {"predictions": [answer(ride) for ride in rides]})
        else:
            self.reply(200, answer(body))

    def reply(self, status: int, said: dict[str, Any]) -> None:
        self.send(status, "application/json" if status < 400 else "application/problem+json", json.dumps(said).encode())

    def send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-cache",
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def stand_in() -> ThreadingHTTPServer:
    """A server on a free port of the loopback."""
    return ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
