# The web app; the steps are those of the Makefile.
FROM python:3.11-slim

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 handful \
    && install --directory --owner=1000 /home/handful/app /home/handful/home

USER 1000
WORKDIR /home/handful/app

# The packages change less often than the code, so they are a layer of their own.
COPY --chown=1000 Makefile requirements.txt requirements.lock ./
RUN PIP_NO_CACHE_DIR=1 make .venv/installed

COPY --chown=1000 . .

# Data sets and trained runs.
ENV HANDFUL_HOME=/home/handful/home
VOLUME /home/handful/home

EXPOSE 8501
HEALTHCHECK --start-period=60s CMD [".venv/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=5)"]
CMD ["make", "run"]
