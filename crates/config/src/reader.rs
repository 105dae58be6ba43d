//! Finds each key in its layers, notes where it came from, and collects every mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::environment::Environment;
use crate::names::flag;
use crate::origin::{Effective, Origin, Origins};
use crate::problem::{Code, Problem};
use crate::rule::Rule;
use crate::value::{Item, Raw, Setting, Shown, Table, Wrong};
use crate::{Profile, Sources, file, schema, suggest, unknown};

/// What stands for a value that was read from a `…_FILE`.
const MASK: &str = "\"***\"";

/// The row of a key in the reference.
pub(crate) struct Entry {
    /// Dotted; a key of a client is `clients[].id`.
    pub(crate) key: String,
    pub(crate) expected: String,
    pub(crate) default: Option<Shown>,
    pub(crate) described: Option<&'static str>,
    pub(crate) dev: Option<Shown>,
    pub(crate) required: bool,
    /// The least, if there is one, and the most.
    pub(crate) limits: Option<(Option<Shown>, Shown)>,
}

/// All layers, and what was found in them so far.
pub(crate) struct Reader {
    pub(crate) profile: Profile,
    path: PathBuf,
    top: Table,
    env: Environment,
    flags: BTreeMap<String, String>,
    entries: Vec<Entry>,
    origins: Origins,
    /// Keys whose value is wrong: checks between keys leave them alone.
    bad: BTreeSet<String>,
    /// What no key asked for: section, name, value.
    left: Vec<(String, String, Item)>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader {
    pub(crate) fn open(sources: Sources) -> Self {
        let path = sources.file.unwrap_or_default();
        let (top, problems) = if path.as_os_str().is_empty() { (Table::new(), Vec::new()) } else { file::read(&path) };
        Self {
            profile: sources.profile,
            path,
            top,
            env: Environment::new(sources.env),
            flags: sources.flags.into_iter().collect(),
            entries: Vec::new(),
            origins: Origins::default(),
            bad: BTreeSet::new(),
            left: Vec::new(),
            problems,
            warnings: Vec::new(),
        }
    }

    /// A reader of nothing, for the list of keys.
    pub(crate) fn of_nothing(top: Table) -> Self {
        let mut reader =
            Self::open(Sources { file: None, env: BTreeMap::new(), flags: Vec::new(), profile: Profile::Production });
        reader.top = top;
        reader
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Reads keys at the top.
    pub(crate) fn top<T>(&mut self, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let table = std::mem::take(&mut self.top);
        let mut section = Section { reader: self, name: String::new(), line: None, table };
        let value = read(&mut section);
        // Sections are still in there.
        let rest = section.table;
        self.top = rest;
        value
    }

    /// Reads the keys of `[name]`.
    pub(crate) fn section<T>(&mut self, name: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let table = match self.top.remove(name) {
            None => Table::new(),
            Some(item) => match item.raw {
                Raw::Table(table) => table,
                other => {
                    let problem = Problem::new(Code::WrongType, format!("`{name}` is a section, not a value"))
                        .key(name)
                        .at(self.line(item.line))
                        .got(other.got())
                        .expected(format!("[{name}] on a line of its own, its keys below"))
                        .fix(format!("write [{name}]"));
                    self.problems.push(problem);
                    Table::new()
                }
            },
        };
        self.within(name.to_owned(), None, table, read)
    }

    /// Reads every `[[name]]`.
    pub(crate) fn each<T>(&mut self, name: &str, read: impl Fn(&mut Section<'_>) -> T) -> Vec<T> {
        let Some(item) = self.top.remove(name) else {
            return Vec::new();
        };
        let origin = self.line(item.line);
        let wrong = |reader: &mut Self, origin: Origin, got: String| {
            let problem = Problem::new(Code::WrongType, format!("`{name}` is a list of sections"))
                .key(name)
                .at(origin)
                .got(got)
                .expected(format!("[[{name}]], once for each, its keys below"))
                .fix(format!("write [[{name}]] with two brackets"));
            reader.problems.push(problem);
        };
        let Raw::List(items) = item.raw else {
            wrong(self, origin, item.raw.got());
            return Vec::new();
        };
        let mut all = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let origin = self.line(item.line);
            match item.raw {
                Raw::Table(table) => {
                    all.push(self.within(format!("{name}[{at}]"), Some(item.line), table, &read));
                }
                other => wrong(self, origin, other.got()),
            }
        }
        all
    }

    fn within<T>(
        &mut self,
        name: String,
        line: Option<u32>,
        table: Table,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let mut section = Section { reader: self, name, line, table };
        let value = read(&mut section);
        let Section { name, table, .. } = section;
        for (key, item) in table {
            self.left.push((name.clone(), key, item));
        }
        value
    }

    fn line(&self, line: u32) -> Origin {
        Origin::File { path: self.path.clone(), line }
    }

    /// The verdict.
    pub(crate) fn finish(mut self) -> Result<(Origins, Vec<Problem>), Vec<Problem>> {
        self.report_unknown();
        // A key may be missing because its line, or the file, could not be read.
        let unread = |p: &Problem| matches!(p.code, Code::Syntax | Code::FileUnreadable);
        if self.problems.iter().any(unread) {
            self.problems.retain(|problem| problem.code != Code::Missing);
        }
        if self.problems.is_empty() {
            return Ok((self.origins, self.warnings));
        }
        self.problems.sort_by_key(|problem| problem.origin.as_ref().map(Origin::rank));
        Err(self.problems)
    }

    fn report_unknown(&mut self) {
        for (name, item) in std::mem::take(&mut self.top) {
            self.left.push((String::new(), name, item));
        }
        let entries = schema::entries();
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let mut unknown: Vec<Problem> = self
            .left
            .iter()
            .map(|(section, name, item)| {
                let is_table = matches!(item.raw, Raw::Table(_));
                unknown::key(section, name, is_table, &keys).at(self.line(item.line))
            })
            .collect();
        let settable: Vec<&str> = keys.iter().copied().filter(|key| !key.contains('[')).collect();
        unknown.extend(self.env.unknown(&settable));
        for name in self.flags.keys().filter(|name| !settable.contains(&name.as_str())) {
            let (section, leaf) = name.rsplit_once('.').unwrap_or(("", name));
            let fix = suggest::key(section, leaf, &settable)
                .map_or_else(|| "leave it out".to_owned(), |key| format!("did you mean `{key}`?"));
            unknown.push(
                Problem::new(Code::UnknownFlag, format!("there is no key `{name}` to set"))
                    .key(name.clone())
                    .at(Origin::Flag { name: flag(name) })
                    .fix(fix),
            );
        }
        self.problems.extend(unknown);
    }
}

/// One `[section]` while its keys are read.
pub(crate) struct Section<'r> {
    reader: &'r mut Reader,
    name: String,
    /// The line of its `[[header]]`, for one of a list.
    line: Option<u32>,
    table: Table,
}

impl Section<'_> {
    pub(crate) fn profile(&self) -> Profile {
        self.reader.profile
    }

    fn key(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }

    /// Clients exist in the file only.
    fn is_listed(&self) -> bool {
        self.name.ends_with(']')
    }

    /// The value of a key. When it is wrong, the problem is noted and the default stands in.
    pub(crate) fn read<T: Setting>(&mut self, name: &str, rule: Rule<T>) -> T {
        self.note(name, &rule);
        let default = rule.default(self.reader.profile);
        if let Some(value) = self.value(name, &rule) {
            return value;
        }
        let key = self.key(name);
        match default {
            Some(default) => {
                if !self.reader.bad.contains(&key) {
                    let value = default.show().toml();
                    self.reader.origins.push(Effective { key, value, origin: Origin::Default });
                }
                default
            }
            None => {
                if self.reader.bad.insert(key.clone()) {
                    let problem = self.missing(&key, &rule);
                    self.reader.problems.push(problem);
                }
                rule.example()
            }
        }
    }

    /// The value of a key that may be absent. `example` is what a fix shows.
    pub(crate) fn read_optional<T: Setting>(&mut self, name: &str, example: T) -> Option<T> {
        let rule = crate::rule::or(example).described("not set");
        self.note(name, &rule);
        self.value(name, &rule)
    }

    fn note<T: Setting>(&mut self, name: &str, rule: &Rule<T>) {
        let place = self.name.split_once('[').map_or(self.name.clone(), |(of, _)| format!("{of}[]"));
        let key = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        if !self.reader.entries.iter().any(|entry| entry.key == key) {
            self.reader.entries.push(rule.entry(key));
        }
    }

    fn missing<T: Setting>(&self, key: &str, rule: &Rule<T>) -> Problem {
        let example = rule.example().show().toml();
        let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
        let fix = if self.is_listed() {
            format!("add {name} = {example} to this client")
        } else if self.reader.path.as_os_str().is_empty() {
            format!("give {} (for example {example}) or a configuration file", flag(key))
        } else {
            format!("add {name} = {example} at the top of {}", self.reader.path.display())
        };
        let what = format!("`{key}` is not set and has no default");
        let problem = Problem::new(Code::Missing, what).key(key).expected(rule.expected()).fix(fix);
        match self.line {
            Some(line) => problem.at(self.reader.line(line)),
            None => problem,
        }
    }

    /// A good value of the highest layer that sets the key.
    fn value<T: Setting>(&mut self, name: &str, rule: &Rule<T>) -> Option<T> {
        let key = self.key(name);
        let (raw, origin) = match self.find(name, &key) {
            Ok(found) => found?,
            Err(problem) => {
                self.reader.bad.insert(key);
                self.reader.problems.push(*problem);
                return None;
            }
        };
        match T::read(&raw).and_then(|value| rule.check(value)) {
            Ok(value) => {
                let value_text = match raw {
                    Raw::Secret { .. } => MASK.to_owned(),
                    _ => value.show().toml(),
                };
                self.reader.origins.push(Effective { key, value: value_text, origin });
                Some(value)
            }
            Err(wrong) => {
                let problem = describe(&key, &raw, origin, wrong, rule);
                self.reader.bad.insert(key);
                self.reader.problems.push(problem);
                None
            }
        }
    }

    fn find(&mut self, name: &str, key: &str) -> Result<Option<(Raw, Origin)>, Box<Problem>> {
        let in_file = self.table.remove(name);
        if !self.is_listed() {
            let in_env = self.reader.env.find(key);
            if let Some(value) = self.reader.flags.get(key) {
                return Ok(Some((Raw::Words(value.clone()), Origin::Flag { name: flag(key) })));
            }
            if let Some(setter) = in_env? {
                return setter.resolve(key).map(Some);
            }
        }
        Ok(in_file.map(|item| (item.raw, self.reader.line(item.line))))
    }

    /// Whether all these keys are right, so that they can be compared.
    pub(crate) fn sound(&self, names: &[&str]) -> bool {
        names.iter().all(|name| !self.reader.bad.contains(&self.key(name)))
    }

    /// Whether nobody set the key.
    pub(crate) fn is_default(&self, name: &str) -> bool {
        let found = self.reader.origins.get(&self.key(name));
        found.is_some_and(|effective| effective.origin == Origin::Default)
    }

    /// A problem between keys, placed at the first of `names` that somebody set.
    pub(crate) fn refuse(&mut self, names: &[&str], problem: Problem) {
        let problem = self.place(names, problem);
        self.reader.problems.push(problem);
    }

    /// A warning, placed like [`Section::refuse`].
    pub(crate) fn warn(&mut self, names: &[&str], problem: Problem) {
        let problem = self.place(names, problem);
        self.reader.warnings.push(problem);
    }

    fn place(&self, names: &[&str], problem: Problem) -> Problem {
        let keys: Vec<String> = names.iter().map(|name| self.key(name)).collect();
        let found = |key: &String| self.reader.origins.get(key);
        let set = keys.iter().filter_map(found).find(|e| e.origin != Origin::Default);
        match set.or_else(|| keys.iter().find_map(found)) {
            Some(at) => {
                let got = problem.got.clone().filter(|_| at.value != MASK);
                Problem { got, ..problem }.key(at.key.clone()).at(at.origin.clone())
            }
            None => problem,
        }
    }
}

/// A refused value as a problem, with a fix in the form of its layer.
fn describe<T: Setting>(key: &str, raw: &Raw, origin: Origin, wrong: Wrong, rule: &Rule<T>) -> Problem {
    let secret = matches!(raw, Raw::Secret { .. });
    // A better value is made from the wrong one, so a secret must not get one.
    let better = wrong.better.filter(|_| !secret);
    let shown = better.unwrap_or_else(|| rule.example().show());
    let fix = match &origin {
        Origin::Environment { variable } if secret => {
            format!("put a value such as {} into the file that {variable} names", shown.words())
        }
        Origin::Environment { variable } => format!("{variable}={}", shown.words()),
        Origin::Flag { name } => format!("{name} {}", shown.words()),
        Origin::File { .. } | Origin::Default => {
            let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
            format!("{name} = {}", shown.toml())
        }
    };
    let (origin, got) = match (origin, wrong.item) {
        (Origin::File { path, .. }, Some((line, got))) => (Origin::File { path, line }, got),
        (origin, _) => (origin, raw.got()),
    };
    let expected = if wrong.expected == T::expected() { rule.expected() } else { wrong.expected };
    Problem::new(wrong.code, format!("`{key}` {}", wrong.what)).key(key).at(origin).got(got).expected(expected).fix(fix)
}
