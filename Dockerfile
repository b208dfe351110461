# The executable needs nothing but a C library: one file on a distroless base, without a shell.
FROM denoland/deno:bin-2.9.6 AS deno

FROM debian:12-slim AS build
COPY --from=deno /deno /usr/local/bin/deno
WORKDIR /src
COPY deno.json deno.lock main.ts ./
COPY src/ src/
RUN deno task bundle
# Deno looks at these when it compiles, not when the executable starts: docs/observability.md.
ARG OTEL_DENO=false
ARG OTEL_DENO_CONSOLE=ignore
RUN deno compile --no-check --allow-net --allow-read --allow-env --allow-sys --allow-write --allow-run \
      --output /di-orchestrator dist/di-orchestrator.js

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="di-orchestrator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Distributed reinforcement-learning jobs of DI-engine on Kubernetes"
COPY --from=build /di-orchestrator /usr/local/bin/di-orchestrator
ENTRYPOINT ["/usr/local/bin/di-orchestrator"]
