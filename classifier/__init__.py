"""An image classifier: a picture and a model go in, the five likeliest labels come out."""

from classifier.errors import ClassifierError
from classifier.inference.classifier import Classifier
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.settings import Settings

__all__ = ["Classifier", "ClassifierError", "LabelProbability", "Prediction", "Settings"]
