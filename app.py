"""The image classifier as a Gradio app: `python app.py`, or a Hugging Face Space."""

from classifier.server import start

app = start.create()
demo = app.page

if __name__ == "__main__":
    start.serve(app)
