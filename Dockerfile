# The app in a container, on CPUs:
#
#   docker build -t image-classifier .
#   docker run -p 7860:7860 -v classifier-cache:/cache image-classifier
#
# With --build-arg REQUIREMENTS=requirements-cluster.txt, the image is for a cluster, see
# docs/deployment.md.
FROM python:3.11-slim
ARG REQUIREMENTS=requirements.txt

WORKDIR /app
COPY requirements.txt requirements-cluster.txt ./
# The packages of torch for CPUs are 20 times smaller than those on PyPI.
RUN grep -E '^torch(vision)?==' requirements.txt > /tmp/torch.txt \
    && pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu -r /tmp/torch.txt \
    && pip install --no-cache-dir -r "$REQUIREMENTS" \
    && install -d -o 1000 -g 1000 /cache
COPY app.py LICENSE README.md ./
COPY classifier classifier
COPY images images

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    CLASSIFIER_CACHE=/cache \
    HF_HOME=/cache/huggingface
VOLUME /cache
EXPOSE 7860
USER 1000:1000
HEALTHCHECK --start-period=2m --interval=30s --timeout=10s \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['GRADIO_SERVER_PORT'] + '/health', timeout=9)"]
CMD ["python", "app.py"]
