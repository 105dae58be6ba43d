//! `[sessions]`

use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::{days, hours, minutes};
use crate::problem::{Code, Problem};
use crate::reader::{Reader, Section};
use crate::rule::or;

/// How long people stay signed in.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sessions {
    /// A session ends this long after sign-in, whatever happens.
    #[schemars(with = "String")]
    pub absolute: Duration,
    /// A session ends when it was not used for this long.
    #[schemars(with = "String")]
    pub idle: Duration,
    /// Like `absolute`, for people who ticked "keep me signed in".
    #[schemars(with = "String")]
    pub remember_absolute: Duration,
    /// Like `idle`, for people who ticked "keep me signed in".
    #[schemars(with = "String")]
    pub remember_idle: Duration,
    /// How many live sessions one person can have. One more ends the one idle longest.
    pub max_per_user: u32,
    /// How long a started sign-in can be finished. On expiry it starts again, for the same
    /// application.
    #[schemars(with = "String")]
    pub sign_in_ttl: Duration,
}

/// SE, table of session kinds: 30 days is the ceiling of a single factor.
const CEILING: &str = "after 30 days a password or passkey is asked for again (NIST SP 800-63B)";

impl Sessions {
    pub(crate) fn read(r: &mut Reader) -> Self {
        r.section("sessions", |s| {
            let absolute = s.read("absolute", or(days(7)).between(minutes(1), days(30), CEILING));
            let idle = or(hours(12).min(absolute)).described("`12h`, or `absolute` if that is shorter").between(
                minutes(1),
                days(30),
                CEILING,
            );
            let idle = s.read("idle", idle);
            let remember_absolute = s.read("remember_absolute", or(days(30)).between(minutes(1), days(30), CEILING));
            let remember_idle = or(days(14).min(remember_absolute))
                .described("`14d`, or `remember_absolute` if that is shorter")
                .between(minutes(1), days(30), CEILING);
            let sessions = Self {
                absolute,
                idle,
                remember_absolute,
                remember_idle: s.read("remember_idle", remember_idle),
                // SE-19.
                max_per_user: s.read("max_per_user", or(50).between(1, 1000, "every session is a row and a way in")),
                // UX checklist A6; WCAG 2.2.1.
                sign_in_ttl: s.read(
                    "sign_in_ttl",
                    or(minutes(30)).between(minutes(30), hours(24), "people who read or type slowly need half an hour"),
                ),
            };
            sessions.check(s);
            sessions
        })
    }

    fn check(&self, s: &mut Section<'_>) {
        let pairs = [
            (["idle", "absolute"], self.idle, self.absolute),
            (["remember_idle", "remember_absolute"], self.remember_idle, self.remember_absolute),
        ];
        for (names, idle, absolute) in pairs {
            if s.sound(&names) && idle > absolute {
                let [idle_name, absolute_name] = names;
                let show = crate::duration::show;
                let problem = Problem::new(
                    Code::Contradiction,
                    format!("`sessions.{idle_name}` is longer than `sessions.{absolute_name}`, so it never counts"),
                )
                .got(format!("{} and {}", show(idle), show(absolute)))
                .expected(format!("at most {}", show(absolute)))
                .fix(format!("{idle_name} = \"{}\"", show(absolute)));
                s.refuse(&names, problem);
            }
        }
    }
}
