# One static binary, the public certificate authorities, and nothing else: no shell, no libc, no package.
#
#   docker build -t portcullis .
#
# Written for the oldest builder in use (no `RUN --mount`), so that it builds everywhere.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# glibc is linked in. With `--target`, even though it names this very machine, the flag stays away from
# procedural macros and build scripts, which must be dynamic.
#
# The profile tells the compiler what runs often, for a sixth less processor time per request. What changed since it was
# taken is built as ever; `benches/proxy/profiled --renew` takes a new one. What never ran while it was taken lies apart,
# so that what runs takes fewer pages. Hot is what makes up 99.9 % of what ran, in place of 99 %: 4 % fewer instructions for
# 0.7 MB.
ENV RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs \
  -C profile-use=/src/link/gate.profdata -C llvm-args=-no-pgo-warn-mismatch \
  -C llvm-args=-enable-split-machine-functions -C llvm-args=-mfs-psi-cutoff=0 \
  -C llvm-args=-profile-summary-cutoff-hot=999000"

# The dependencies, with empty sources in place of ours: this layer is rebuilt only when a dependency changes.
# Cargo refuses a manifest that names benches or tests that are not there, so those sections go for now. The
# empty crate is cleaned away because its files are newer than the real ones, which Cargo would take as built.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY link/gate.profdata link/
RUN sed -i '/^\[\[\(bench\|test\|example\)\]\]/,/^$/d' Cargo.toml \
 && mkdir src && printf '//! Nothing yet.\n\nfn main() {}\n' > src/main.rs && printf '//! Nothing yet.\n' > src/lib.rs \
 && host=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --release --locked --target "$host" \
 && cargo clean --release --locked --target "$host" --package portcullis

COPY . .
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --release --locked --target "$host" --bin portcullis \
 && cp "target/$host/release/portcullis" /portcullis && mkdir /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /portcullis /portcullis
# For the store of denials: a volume mounted here takes over whose it is.
COPY --from=build --chown=65532:65532 /empty /var/lib/portcullis

# A number, because there is no /etc/passwd; Kubernetes' runAsNonRoot wants one too.
USER 65532:65532
EXPOSE 8080
# So that `docker exec … /portcullis denials` finds what the gate reads.
ENV PORTCULLIS_CONFIG=/etc/portcullis/portcullis.toml
# Whom upstreams are trusted by: mount your own over it where the network opens TLS.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/portcullis", "health"]
ENTRYPOINT ["/portcullis"]
CMD ["serve"]
