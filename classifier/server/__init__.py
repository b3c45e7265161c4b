"""How the page is served: the application, its limits, and the routes next to the page."""
