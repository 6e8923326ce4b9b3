"""The networks that can be trained, one a file; :data:`NETWORKS` names them."""

from __future__ import annotations

from training.networks import (
    autoencoder_oneclass,
    autoencoder_resnet18,
    efficientnet_b2,
    mobilenet_v3,
    resnet50,
    resnet50_lstm,
    vit_mean,
)
from training.networks.contracts import Network

NETWORKS: dict[str, Network] = {
    one.name: one
    for one in (
        mobilenet_v3.NETWORK,
        efficientnet_b2.NETWORK,
        resnet50.NETWORK,
        resnet50_lstm.NETWORK,
        vit_mean.NETWORK,
        autoencoder_resnet18.NETWORK,
        autoencoder_oneclass.NETWORK,
    )
}
"""By the names that recipes call them by."""
