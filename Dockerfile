# docker build -t lumirage .                                                       CPU
# docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 -t lumirage:cuda .   CUDA
# Images that are passed on: --build-arg IMAGE=REGISTRY/lumirage:TAG, which results name, and --label
# org.opencontainers.image.revision=… and …source=…
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# Nothing is written outside the output and work folders: no bytecode, no caches in HOME, no telemetry. Nor are packages
# read from a HOME that Apptainer brings along. pip may install beside Debian's own packages: the image is ours.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_BREAK_SYSTEM_PACKAGES=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/opt/numba \
    NIPYPE_NO_ET=1

WORKDIR /opt/lumirage
COPY constraints.txt pyproject.toml README.md LICENSE ./
# torch by itself, so that only it is looked for in the further index.
RUN python3 -m pip install --retries 1 --extra-index-url ${TORCH_INDEX} -c constraints.txt torch \
    && cd "$(python3 -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch" \
    && rm -rf test include bin/*[Tt]est*
# Only the installed package is left, so that what is compiled below is what runs.
COPY lumirage_bids lumirage_bids
RUN python3 -m pip install -c constraints.txt setuptools \
    && python3 -m pip install --no-build-isolation -c constraints.txt '.[greedy,dipy,convexadam]' && rm -rf build *.egg-info lumirage_bids

# Licences of all that is in the image. FireANTs' own, and its README with the bibliography, must travel with it.
RUN mkdir -p /licenses/fireants && cp LICENSE /licenses/ \
    && fireants=$(python3 -c "from importlib.metadata import files; print(next(f.locate().parent for f in files('fireants') if f.name == 'METADATA'))") \
    && cp "$fireants/licenses/LICENSE" "$fireants/METADATA" /licenses/fireants/ \
    && dpkg-query -W -f '${Package}\t${Version}\t/usr/share/doc/${Package}/copyright\n' > /licenses/debian.tsv \
    && python3 -m venv /tmp/tool && /tmp/tool/bin/pip install -c constraints.txt pip-licenses \
    && list="/tmp/tool/bin/pip-licenses --python $(command -v python3) --with-system" \
    && $list --with-urls --format=csv --output-file=/licenses/python.csv \
    && $list --with-license-file --no-license-path --with-notice-file --format=plain-vertical --output-file=/licenses/python.txt \
    && rm -rf /tmp/tool

# Compiled once here, so that a container with a read-only root does not compile at every start. Numba goes by the times
# of the source files, of which layers keep whole seconds only; with these the bytecode is to be made anew.
RUN package=$(python3 -c "import lumirage_bids; print(*lumirage_bids.__path__)") \
    && find "$package" -name '*.py' -exec touch -d 2000-01-01 {} + && python3 -m compileall -q "$package" \
    && python3 -m lumirage_bids.app.precompile && chmod -R a+rX /opt/numba

ARG VERSION=0.2.0
ARG IMAGE=lumirage:${VERSION}
ENV LUMIRAGE_IMAGE=${IMAGE}
LABEL org.opencontainers.image.title="LUMirage" \
      org.opencontainers.image.description="Evaluate deformable brain image registration on BIDS datasets" \
      org.opencontainers.image.licenses="Apache-2.0 AND LicenseRef-FireANTs" \
      org.opencontainers.image.version="${VERSION}"

WORKDIR /tmp
ENTRYPOINT ["lumirage"]
