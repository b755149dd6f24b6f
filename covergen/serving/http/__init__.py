"""The service over HTTP: routes, bodies, guards, events, the page."""
