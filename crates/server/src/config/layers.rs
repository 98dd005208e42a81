//! Laying the sources of settings over each other.

use std::path::Path;

use toml::{Table, Value};

use super::Config;
use crate::Failure;

/// What the variables begin with; `__` in the rest stands for the dot of a nested name.
const PREFIX: &str = "HEADCOUNT_";
/// The variable that names the file, like the flag.
const CONFIG_FILE: &str = "HEADCOUNT_CONFIG";

/// Every name a setting may have; `*` stands for a name that the operator chooses.
const NAMES: &[&str] = &[
    "listen",
    "ops_listen",
    "data_dir",
    "tls_cert",
    "tls_key",
    "log_format",
    "region",
    "regions.*.domains",
    "heartbeat.web_timeout_s",
    "heartbeat.native_timeout_s",
    "heartbeat.interval_s",
    "multi_login.policy",
    "multi_login.web_instances",
    "multi_login.native_instances",
    "rate_limits.enabled",
    "rate_limits.default_per_s",
    "rate_limits.commands.*",
    "limits.connections_max",
    "limits.community_members_max",
    "limits.group_members_max",
    "workers.threads",
    "workers.own_files",
    "cluster.database",
    "cluster.redis",
    "cluster.redis_mode",
    "cluster.redis_ca",
    "cluster.sentinel_master",
    "cluster.sentinel_password",
    "cluster.redis_prefix",
    "cluster.node",
    "cluster.ops_address",
    "cluster.lease_ms",
];

/// The settings that are texts: a variable with one may look like a number and is none.
const TEXTS: &[&str] = &[
    "listen",
    "ops_listen",
    "data_dir",
    "tls_cert",
    "tls_key",
    "log_format",
    "region",
    "multi_login.policy",
    "cluster.database",
    "cluster.redis",
    "cluster.redis_mode",
    "cluster.redis_ca",
    "cluster.sentinel_master",
    "cluster.sentinel_password",
    "cluster.redis_prefix",
    "cluster.node",
    "cluster.ops_address",
];

pub(super) fn load<'a>(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: impl Iterator<Item = (&'static str, &'a str)>,
) -> Result<Config, Failure> {
    let variables: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    let named = variables
        .iter()
        .find(|(name, _)| name == CONFIG_FILE)
        .map(|(_, value)| Path::new(value));
    let mut table = match file.or(named) {
        Some(path) => read(path)?,
        None => Table::new(),
    };
    for (variable, value) in variables.iter().filter(|(name, _)| name != CONFIG_FILE) {
        let name = variable[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
        known(&name).map_err(|nearest| {
            let nearest = nearest.map(|name| name.to_ascii_uppercase().replace('.', "__"));
            unknown(
                &format!("variable {variable}"),
                nearest.map(|name| format!("{PREFIX}{name}")).as_deref(),
            )
        })?;
        let mut read = scalar(value);
        if TEXTS.contains(&name.as_str()) && !read.is_str() {
            read = Value::String(value.clone());
        }
        set(&mut table, &name, read);
    }
    for (name, value) in flags {
        set(&mut table, name, Value::String(value.to_owned()));
    }
    let config = Config::deserialize_from(table)?;
    config.check().map_err(Failure)?;
    Ok(config)
}

fn read(path: &Path) -> Result<Table, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
    let table: Table = text
        .parse()
        .map_err(|error| Failure(format!("{shown} is not TOML: {error}")))?;
    for name in leaves(&table, "") {
        known(&name).map_err(|nearest| unknown(&format!("setting {name} in {shown}"), nearest))?;
    }
    Ok(table)
}

impl Config {
    fn deserialize_from(table: Table) -> Result<Self, Failure> {
        let text =
            |error: toml::de::Error| Failure(format!("a setting is wrong: {}", error.to_string().trim()));
        Value::Table(table).try_into().map_err(text)
    }
}

/// The dotted names of all values in a table.
fn leaves(table: &Table, above: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in table {
        let name = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        match value {
            Value::Table(inner) if !inner.is_empty() => names.extend(leaves(inner, &name)),
            // An empty section sets nothing.
            Value::Table(_) => {}
            _ => names.push(name),
        }
    }
    names
}

/// Whether a setting has this name; if not, the known name that is nearest.
fn known(name: &str) -> Result<(), Option<&'static str>> {
    let matches = |pattern: &str| match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|own| !own.is_empty()),
    };
    if NAMES.iter().any(|pattern| matches(pattern)) {
        return Ok(());
    }
    let likeness = |known: &&&str| strsim::jaro_winkler(name, known);
    let nearest = NAMES.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Err(nearest.filter(|nearest| likeness(nearest) > 0.7).copied())
}

fn unknown(what: &str, nearest: Option<&str>) -> Failure {
    match nearest {
        Some(nearest) => Failure(format!("unknown {what}: did you mean {nearest}?")),
        None => Failure(format!("unknown {what}")),
    }
}

fn set(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// The value of a variable: a TOML value where it is one, and else its own text.
fn scalar(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    let value = parsed
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn loaded(
        file: &str,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Config, String> {
        let mut on_disk = tempfile::NamedTempFile::new().unwrap();
        on_disk.write_all(file.as_bytes()).unwrap();
        let variables = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        load(Some(on_disk.path()), variables, flags.iter().copied()).map_err(|failure| failure.0)
    }

    #[test]
    fn flags_over_variables_over_the_file() {
        let file = "listen = '127.0.0.1:1'\nops_listen = '127.0.0.1:2'\ndata_dir = 'from-file'\n\
                    [heartbeat]\nweb_timeout_s = 7\nnative_timeout_s = 8";
        let variables = [
            ("HEADCOUNT_LISTEN", "127.0.0.1:3"),
            ("HEADCOUNT_OPS_LISTEN", "127.0.0.1:4"),
            ("HEADCOUNT_HEARTBEAT__WEB_TIMEOUT_S", "9"),
            ("UNRELATED", "x"),
        ];
        let config = loaded(file, &variables, &[("listen", "127.0.0.1:5")]).unwrap();
        assert_eq!(config.listen.port(), 5);
        assert_eq!(config.ops_listen.port(), 4);
        assert_eq!(config.data_dir, Path::new("from-file"));
        assert_eq!(config.edge().heartbeat.web_timeout.as_secs(), 9);
        assert_eq!(config.edge().heartbeat.native_timeout.as_secs(), 8);
    }

    #[test]
    fn a_text_may_look_like_a_number() {
        let variables = [
            ("HEADCOUNT_CLUSTER__NODE", "007"),
            ("HEADCOUNT_CLUSTER__SENTINEL_PASSWORD", "12"),
            ("HEADCOUNT_REGION", "'quoted'"),
        ];
        let config = loaded("", &variables, &[]).unwrap();
        assert_eq!(config.cluster.node.as_deref(), Some("007"));
        assert_eq!(config.cluster.sentinel_password.as_deref(), Some("12"));
        assert_eq!(config.region.as_deref(), Some("quoted"));
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest_known_one() {
        let error = loaded("[heartbeat]\nweb_timeout = 5", &[], &[]).unwrap_err();
        assert!(
            error.contains("heartbeat.web_timeout ") && error.contains("heartbeat.web_timeout_s?"),
            "{error}"
        );
        let error = loaded("lissten = '127.0.0.1:1'", &[], &[]).unwrap_err();
        assert!(error.contains("did you mean listen?"), "{error}");
        let error = loaded("", &[("HEADCOUNT_OPSLISTEN", "x")], &[]).unwrap_err();
        assert!(error.contains("did you mean HEADCOUNT_OPS_LISTEN?"), "{error}");
    }

    #[test]
    fn wrong_values_are_refused() {
        for wrong in [
            "listen = 'nowhere'",
            "tls_cert = 'a.pem'",
            "[heartbeat]\nweb_timeout_s = 0",
            "[multi_login]\nweb_instances = 0",
            "[multi_login]\npolicy = 'some'",
            "[rate_limits]\ndefault_per_s = 0",
            "[workers]\nthreads = 257",
            "[cluster]\ndatabase = 'postgres://a/b'",
            "[cluster]\nredis = 'redis://a'",
            "[cluster]\nredis_mode = 'sentinel'",
            "[cluster]\nlease_ms = 100",
            "[rate_limits.commands]\n'group_open_http_svc/no_such' = 5",
            "not toml",
        ] {
            assert!(loaded(wrong, &[], &[]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_documented_file_is_true() {
        let page = include_str!("../../../../docs/configuration.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (file, _) = rest.split_once("```").unwrap();
        let documented = Table::try_from(loaded(file, &[], &[]).unwrap()).unwrap();
        assert_eq!(
            documented,
            Table::try_from(Config::default()).unwrap(),
            "the values shown are the defaults"
        );
        // What stands behind # is a setting too, and together they name every one.
        let names: Vec<_> = leaves(
            &file
                .replace("\n# ", "\n")
                .lines()
                .filter(|line| {
                    line.starts_with('[')
                        || line
                            .split_once(" = ")
                            .is_some_and(|(name, _)| !name.contains(' '))
                })
                .collect::<Vec<_>>()
                .join("\n")
                .parse()
                .unwrap(),
            "",
        );
        for pattern in NAMES {
            let (before, after) = pattern.split_once('*').unwrap_or((pattern, pattern));
            let shown = names
                .iter()
                .any(|name| name.starts_with(before) && name.ends_with(after));
            assert!(shown, "{pattern} is not documented");
        }
    }

    #[test]
    fn deployments_set_what_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut rest = vec![root.join("deploy"), root.join("docs/deployment.md")];
        let mut files_with_settings = 0;
        while let Some(path) = rest.pop() {
            if path.is_dir() {
                rest.extend(
                    std::fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let set = variables(&text);
            files_with_settings += usize::from(!set.is_empty());
            for name in set.into_iter().filter(|name| *name != CONFIG_FILE) {
                let setting = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
                assert!(known(&setting).is_ok(), "{name} in {}", path.display());
            }
        }
        assert!(files_with_settings >= 8, "the files were not found");
    }

    /// The variables of this server that a text names.
    fn variables(text: &str) -> Vec<&str> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let ours = words.filter(|word| word.strip_prefix(PREFIX).is_some_and(|rest| !rest.is_empty()));
        ours.collect()
    }

    #[test]
    fn the_list_of_names_is_complete() {
        let mut example = Config {
            tls_cert: Some("c".into()),
            tls_key: Some("k".into()),
            region: Some("r".into()),
            ..Config::default()
        };
        let cluster = &mut example.cluster;
        for text in [
            &mut cluster.database,
            &mut cluster.redis,
            &mut cluster.sentinel_master,
            &mut cluster.sentinel_password,
            &mut cluster.node,
            &mut cluster.ops_address,
        ] {
            *text = Some("t".into());
        }
        cluster.redis_ca = Some("f".into());
        example.regions.insert(
            "*".into(),
            super::super::Region {
                domains: vec!["d".into()],
            },
        );
        example.rate_limits.commands.insert("*".into(), 1);
        let table = Table::try_from(&example).unwrap();
        let is_text = |name: &&str| {
            let mut value = Some(Value::Table(table.clone()));
            for part in name.split('.') {
                value = value.and_then(|value| value.get(part).cloned());
            }
            value.is_some_and(|value| value.is_str())
        };
        let texts: Vec<_> = NAMES.iter().copied().filter(is_text).collect();
        assert_eq!(texts, TEXTS);
        let mut names = leaves(&table, "");
        let mut listed: Vec<_> = NAMES.iter().map(ToString::to_string).collect();
        names.sort();
        listed.sort();
        assert_eq!(names, listed);
    }
}
