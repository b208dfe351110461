# The executable needs nothing but a C library: one file on a distroless base, without a shell.
#   docker build --build-arg COMMIT=$(git rev-parse --short=12 HEAD) -t diorchestrator/di-orchestrator:v0.3.0 .
#   docker buildx build --platform linux/amd64,linux/arm64 …
FROM --platform=$BUILDPLATFORM denoland/deno:bin-2.9.6 AS deno

FROM --platform=$BUILDPLATFORM debian:12-slim AS build
COPY --from=deno /deno /usr/local/bin/deno
WORKDIR /src
COPY deno.json deno.lock main.ts ./
COPY src/ src/
ARG COMMIT=unknown
# Deno looks at these when it compiles, not when the executable starts: docs/observability.md.
ARG OTEL_DENO=false
ARG OTEL_DENO_CONSOLE=ignore
ARG TARGETARCH
RUN case "$TARGETARCH" in arm64) cpu=aarch64 ;; *) cpu=x86_64 ;; esac \
 && SOURCE_COMMIT=$COMMIT deno task compile --target "$cpu-unknown-linux-gnu"

FROM gcr.io/distroless/cc-debian12:nonroot
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="di-orchestrator" \
      org.opencontainers.image.description="Distributed reinforcement-learning jobs of DI-engine on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.3.0" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /src/dist/di-orchestrator /usr/local/bin/di-orchestrator
ENTRYPOINT ["/usr/local/bin/di-orchestrator"]
