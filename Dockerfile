# The image of every Ray pod, for CPUs or for GPUs:
#
#   docker build --tag palisade:0.1.0-cpu .
#   docker build --tag palisade:0.1.0-gpu --build-arg VARIANT=gpu .
#
# With --build-arg MODELS="face_landmarker depth_anything_v2_small" these weights are in it, fetched
# and checked; without, mount a volume at /models. KubeRay needs bash and ray on the PATH, of which
# both bases have the first; its wget probes are replaced by those of the manifests.
ARG VARIANT=cpu

FROM python:3.11-slim-bookworm AS cpu

# CUDA 13 and cuDNN 9, as onnxruntime-gpu asks for; this base has Python 3.11 in its own packages.
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubi9 AS gpu
# hadolint ignore=DL3041 # the newest patch of 3.11 is what we want
RUN dnf install --assumeyes --setopt=install_weak_deps=False python3.11 && dnf clean all

FROM ${VARIANT} AS build
ARG VARIANT
ARG PREFIX=/opt/palisade
ARG WEIGHTS=/models
ARG MODELS=""
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
COPY requirements-runtime.txt ./
# --no-deps: the list is complete. The two builds of onnxruntime write the same folder.
RUN python3.11 -m venv "$PREFIX"; \
    if [ "$VARIANT" = gpu ]; then \
      sed -i 's/^onnxruntime==/onnxruntime-gpu==/' requirements-runtime.txt; \
    fi; \
    "$PREFIX/bin/pip" install --no-cache-dir --no-deps --requirement requirements-runtime.txt
COPY . ./
RUN "$PREFIX/bin/pip" install --no-cache-dir --no-deps .; \
    "$PREFIX/bin/pip" uninstall --quiet --yes setuptools pip
# hadolint ignore=DL3059 # a layer of its own: other weights do not install everything anew
RUN mkdir --parents "$WEIGHTS"; \
    for model in $MODELS; do \
      PALISADE_MODELS="$WEIGHTS" "$PREFIX/bin/palisade" models fetch "$model"; \
    done

FROM ${VARIANT}
COPY --from=build /opt/palisade /opt/palisade
COPY --from=build /models /models
# In /usr/local/bin as well: a login shell forgets the PATH of the image.
RUN ln --symbolic /opt/palisade/bin/ray /opt/palisade/bin/palisade /usr/local/bin/ \
 && useradd --uid 10001 --create-home palisade
ENV PATH=/opt/palisade/bin:$PATH \
    PALISADE_MODELS=/models \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /home/palisade
# Kubernetes probes the pods.
HEALTHCHECK NONE
CMD ["palisade", "--help"]
