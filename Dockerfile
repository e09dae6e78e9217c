# The image of a node: Covey, Python, and the nats-server that it runs when it is given no other.
FROM python:3.13-slim

RUN useradd --create-home --uid 10001 covey \
    && install --directory --owner=covey --mode=0700 /data /accounts
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY actors actors
COPY bus bus
COPY cli cli
COPY messages messages
COPY node node
COPY store store
RUN pip install --no-cache-dir .
COPY compose/accounts.py compose/

USER covey
ENV COVEY_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["covey"]
CMD ["up"]
