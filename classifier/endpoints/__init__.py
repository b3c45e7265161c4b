"""What the page and programs can ask for, a module for each kind of question."""

from classifier.endpoints.core import Endpoints, told

__all__ = ["Endpoints", "told"]
