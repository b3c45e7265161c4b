"""An image classifier: a picture and a model go in, the five likeliest labels come out."""

from classifier.errors import ClassifierError
from classifier.predict import Classifier, Guess, Prediction
from classifier.settings import Settings

__all__ = ["Classifier", "ClassifierError", "Guess", "Prediction", "Settings"]
