//! Time and chance, passed in so that tests own them.

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch, for what people and other machines read. May jump.
    fn wall_ms(&self) -> u64;

    /// Microseconds since some fixed moment; never goes back. The only time that liveness may use.
    fn monotonic_us(&self) -> u64;

    /// Milliseconds since the same moment.
    fn monotonic_ms(&self) -> u64 {
        self.monotonic_us() / 1000
    }

    /// Seconds since the Unix epoch.
    fn wall_s(&self) -> u64 {
        self.wall_ms() / 1000
    }
}

/// Where chance comes from. Ids and keys are made of it, so it must not be guessable in production.
pub trait Entropy: Send + Sync + 'static {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;
}
