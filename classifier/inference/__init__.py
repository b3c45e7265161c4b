"""How a picture and a model become a prediction."""
