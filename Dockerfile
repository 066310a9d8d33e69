# docker build -t lumirage .                                                       CPU
# docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 -t lumirage:cuda .   CUDA
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

LABEL org.opencontainers.image.title="LUMirage" \
      org.opencontainers.image.description="Evaluate deformable brain image registration on BIDS datasets" \
      org.opencontainers.image.licenses="Apache-2.0 AND LicenseRef-FireANTs"

# Nothing is written outside the output and work folders: no bytecode, no caches in HOME, no telemetry.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/opt/numba \
    NIPYPE_NO_ET=1

WORKDIR /opt/lumirage
COPY constraints.txt pyproject.toml README.md LICENSE ./
# torch by itself, so that only it is looked for in the further index.
RUN python3 -m pip install --retries 1 --extra-index-url ${TORCH_INDEX} -c constraints.txt torch
COPY lumirage_bids lumirage_bids
COPY bids_filters bids_filters
RUN python3 -m pip install -c constraints.txt . && rm -rf build *.egg-info

# Compiled once here, so that a container with a read-only root does not compile at every start.
RUN python3 -m lumirage_bids.precompile && chmod -R a+rX /opt/numba

WORKDIR /tmp
ENTRYPOINT ["lumirage"]
