"""Palisade on Kubernetes: manifests for KubeRay, and the small tool that plans and applies them."""

from typing import Literal

Profile = Literal["cpu", "gpu"]
"""``gpu`` has a second group of workers beside the one of ``cpu``."""
