"""ONNX Runtime without usage reports. Import it from here only."""

import os

# Set before the import: otherwise the runtime sends usage reports to Microsoft.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime import InferenceSession, SessionOptions

__all__ = ["InferenceSession", "SessionOptions", "onnxruntime"]
