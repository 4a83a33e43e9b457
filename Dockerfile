# lcomp for CPUs. `docker build -t lcomp .`, then `docker run --rm -i lcomp encode - < a.png > a.lic`.
FROM python:3.11-slim AS build

RUN python -m venv /opt/lcomp
ENV PATH=/opt/lcomp/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# a layer of its own, which a change of lcomp leaves alone; PyPI's torch would bring gigabytes of CUDA libraries
RUN pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
COPY pyproject.toml README.md LICENSE /source/
COPY lcomp /source/lcomp
COPY models /source/models
COPY weights /source/weights
# without what only compiling and testing torch would take
RUN pip install /source \
    && cd /opt/lcomp/lib/python3.11/site-packages \
    && rm -r torch/include torch/test pip pip-*

FROM python:3.11-slim

COPY --from=build /opt/lcomp /opt/lcomp
RUN useradd --create-home lcomp
USER lcomp
WORKDIR /home/lcomp
ENTRYPOINT ["/opt/lcomp/bin/lcomp"]
CMD ["--help"]
