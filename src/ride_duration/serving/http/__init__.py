"""HTTP: the ASGI application, its routes and OpenAPI document, admission of requests, and the files of the page."""
