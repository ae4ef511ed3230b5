//! How the engine's own types are written in JSON: by their names.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use lockdep_validator::{Counters, DependencyKind, Level, Mode, Ordered, Wait};

/// A type of the engine with a name for each of its values.
pub(crate) trait Named: Copy {
    /// What a value of the type is, for errors.
    const WHAT: &'static str;

    fn name(self) -> &'static str;

    fn of_name(name: &str) -> Option<Self>;
}

macro_rules! named {
    ($($type:ty: $what:literal;)*) => {$(
        impl Named for $type {
            const WHAT: &'static str = $what;

            fn name(self) -> &'static str {
                self.as_str()
            }

            fn of_name(name: &str) -> Option<Self> {
                Self::parse(name)
            }
        }
    )*};
}

named! {
    Level: "level";
    Mode: "mode";
    Wait: "way to wait";
    DependencyKind: "kind of dependency";
    Ordered: "reason of an order";
}

pub(crate) fn serialize<T: Named, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.name())
}

pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let name = Cow::<'_, str>::deserialize(deserializer)?;
    T::of_name(&name).ok_or_else(|| D::Error::custom(format_args!("`{name}` is not a valid {}", T::WHAT)))
}

/// The same for a value that may be absent.
pub(crate) mod option {
    use super::{Cow, Deserialize, Deserializer, Error, Named, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes fields by reference")]
    pub(crate) fn serialize<T: Named, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(value.name()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let Some(name) = Option::<Cow<'_, str>>::deserialize(deserializer)? else { return Ok(None) };
        let known = T::of_name(&name);
        known.map(Some).ok_or_else(|| D::Error::custom(format_args!("`{name}` is not a valid {}", T::WHAT)))
    }
}

/// How counters are written in JSON. What is missing is zero.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct CountersText {
    classes: u64,
    dependencies: u64,
    chains: u64,
    dropped: u64,
    unseen: u64,
}

/// The engine's counters, field by field.
pub(crate) mod counters {
    use super::{Counters, CountersText, Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(counters: &Counters, serializer: S) -> Result<S::Ok, S::Error> {
        let Counters { classes, dependencies, chains, dropped, unseen, .. } = *counters;
        CountersText { classes, dependencies, chains, dropped, unseen }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Counters, D::Error> {
        let text = CountersText::deserialize(deserializer)?;
        let mut counters = Counters::default();
        counters.classes = text.classes;
        counters.dependencies = text.dependencies;
        counters.chains = text.chains;
        counters.dropped = text.dropped;
        counters.unseen = text.unseen;
        Ok(counters)
    }
}
