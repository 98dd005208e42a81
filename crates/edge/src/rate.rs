//! Rate limits: so many REST calls a second of one command by one app (1047/34419). Off unless
//! configured. What users send through the gateway does not count against their app.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use headcount_core::SdkAppId;

/// What an operator may set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Calls a second of each command not named below; `None` switches all limits off.
    pub default_per_s: Option<u32>,
    /// Calls a second of one command, named `service/command`.
    pub per_command: BTreeMap<String, u32>,
}

/// Token buckets that hold one second's worth of calls, one for each app and command.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// By place in the command table; `None` when limits are off.
    per_s: Option<Vec<u32>>,
    /// The moment up to which the calls of a bucket are spent, in microseconds (GCRA).
    spent_to_us: Mutex<HashMap<(SdkAppId, usize), u64>>,
}

impl Limiter {
    pub(crate) fn new(limits: &RateLimits) -> Self {
        let per_s = limits.default_per_s.map(|default| {
            let of = |command: &crate::command::Command| {
                let names = command
                    .services
                    .iter()
                    .map(|service| format!("{service}/{}", command.name));
                let own = names.filter_map(|name| limits.per_command.get(&name)).min();
                own.copied().unwrap_or(default).max(1)
            };
            crate::commands::TABLE.iter().map(of).collect()
        });
        Self {
            per_s,
            spent_to_us: Mutex::default(),
        }
    }

    /// Takes one call out of the bucket; `false` when it is empty.
    pub(crate) fn take(&self, app: SdkAppId, command: usize, monotonic_ms: impl FnOnce() -> u64) -> bool {
        let Some(per_s) = self.per_s.as_ref().and_then(|all| all.get(command)) else {
            return true;
        };
        let now_us = monotonic_ms() * 1000;
        let cost_us = 1_000_000 / u64::from(*per_s);
        let mut buckets = self.spent_to_us.lock().unwrap_or_else(PoisonError::into_inner);
        let spent_to_us = buckets.entry((app, command)).or_insert(0);
        let next_us = (*spent_to_us).max(now_us) + cost_us;
        let within = next_us <= now_us + 1_000_000;
        if within {
            *spent_to_us = next_us;
        }
        within
    }
}

/// Whether `name` is `service/command` of a command in the table.
#[must_use]
pub fn is_command(name: &str) -> bool {
    name.split_once('/').is_some_and(|(service, command)| {
        matches!(
            crate::command::find(service, command),
            crate::command::Lookup::Found(..)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: SdkAppId = SdkAppId(1);

    fn taken(limiter: &Limiter, app: SdkAppId, at_ms: u64, calls: usize) -> usize {
        (0..calls).filter(|_| limiter.take(app, 0, || at_ms)).count()
    }

    #[test]
    fn a_second_holds_what_it_says() {
        let limiter = Limiter::new(&RateLimits {
            default_per_s: Some(200),
            per_command: BTreeMap::new(),
        });
        assert_eq!(taken(&limiter, APP, 10_000, 500), 200);
        assert_eq!(
            taken(&limiter, SdkAppId(2), 10_000, 500),
            200,
            "apps do not share"
        );
        assert_eq!(taken(&limiter, APP, 10_500, 500), 100, "half a second later");
        assert_eq!(
            taken(&limiter, APP, 60_000, 500),
            200,
            "no more than a second is saved up"
        );
    }

    #[test]
    fn off_unless_configured() {
        let limiter = Limiter::new(&RateLimits::default());
        assert_eq!(taken(&limiter, APP, 0, 10_000), 10_000);
    }
}
