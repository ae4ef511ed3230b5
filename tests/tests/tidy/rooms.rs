//! Arrows point down: between packages, and between the rooms of a package. No circles of files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;

use crate::{arrows, refuse, root, sources};

/// The floors of the design: a package may depend on packages of a lower floor only.
const FLOORS: &[(&str, u8)] = &[
    ("validator", 0),
    ("validator/report", 1),
    ("instrument", 2),
    ("instrument/std", 3),
    ("instrument/lock_api/v0_2", 3),
    ("instrument/lock_api/v0_3", 3),
    ("instrument/lock_api/v0_4", 3),
    ("instrument/lock_api/v0_5", 3),
    ("instrument/once_cell", 3),
    ("vmalock", 3),
    ("instrument/cargo-lockdep", 4),
    ("tests", 5),
    ("tests/x", 5),
];

fn manifest(folder: &str) -> Option<toml::Table> {
    let text = fs::read_to_string(root().join(folder).join("Cargo.toml")).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{folder}/Cargo.toml: {error}")))
}

/// The folders of all packages: the members of the workspace, and those beside it that have a
/// floor.
fn packages() -> BTreeSet<String> {
    let workspace = manifest("").expect("the workspace has a manifest");
    let members = workspace["workspace"]["members"].as_array().expect("a list");
    let members = members.iter().map(|member| member.as_str().expect("a folder").to_owned());
    members.chain(FLOORS.iter().map(|(folder, _)| (*folder).to_owned())).collect()
}

/// The packages on which a manifest depends, those for its tests too, since a test that reaches up
/// couples as well.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            let renamed = |value: &toml::Value| Some(value.get("package")?.as_str()?.to_owned());
            names.extend(table.iter().map(|(name, value)| renamed(value).unwrap_or_else(|| name.clone())));
        } else if key != "workspace" {
            // `[target.'cfg(…)'.dependencies]`.
            names.extend(dependencies(table));
        }
    }
    names
}

#[test]
fn arrows_between_packages_point_down() {
    let mut offences = Vec::new();
    let mut floors = BTreeMap::new();
    for folder in packages() {
        match FLOORS.iter().find(|(known, _)| *known == folder) {
            Some((_, floor)) => floors.insert(folder, *floor),
            None => {
                offences.push(format!("{folder}/Cargo.toml is on no floor (add it to FLOORS)"));
                continue;
            }
        };
    }
    let manifests: BTreeMap<&str, toml::Table> =
        floors.keys().filter_map(|folder| Some((&**folder, manifest(folder)?))).collect();
    // A stand-in bears the name of the crate that it stands for, which others may depend on.
    let is_stand_in =
        |folder: &str| folder.starts_with("instrument/lock_api/") || folder == "instrument/once_cell";
    let mut by_name = BTreeMap::new();
    for (folder, manifest) in manifests.iter().filter(|(folder, _)| !is_stand_in(folder)) {
        by_name.insert(manifest["package"]["name"].as_str().expect("a package has a name"), *folder);
    }
    for (folder, manifest) in &manifests {
        if !CRATES.contains(&&*format!("{folder}/src/")) {
            offences.push(format!("{folder}/src/: its files are not looked at (add it to CRATES)"));
        }
        for dependency in dependencies(manifest) {
            let Some(other) = by_name.get(&*dependency) else { continue };
            if floors[*other] >= floors[*folder] {
                offences
                    .push(format!("{folder}/Cargo.toml uses {dependency}, which is not on a lower floor"));
            }
        }
    }
    assert_eq!(manifests.len(), floors.len(), "a package has no manifest");
    refuse("arrows that do not point down", &offences);
}

#[test]
fn every_form_of_a_dependency_is_read() {
    let manifest = "[dependencies]\na = \"1\"\nb = { package = \"c\" }\nd.workspace = true\n[dependencies.e]\n\
                    [target.'cfg(unix)'.dev-dependencies]\nf = \"1\"\n[features]\ng = []\n";
    let mut names = dependencies(&manifest.parse().expect("TOML"));
    names.sort();
    assert_eq!(names, ["a", "c", "d", "e", "f"]);
}

/// The rooms of a package, or of a folder in it, lowest floor first. A room uses rooms of lower
/// floors only.
const ROOMS: &[(&str, &str, &[&[&str]])] = &[
    (
        "validator/src/",
        "",
        &[&["config", "mutant"], &["base"], &["state"], &["graph"], &["check"], &["engine"]],
    ),
    (
        "validator/report/src/",
        "",
        &[
            &["code", "detail", "exceptions", "names", "path", "place", "printable", "replay", "wire"],
            &["await_path", "frames", "json", "lock_order", "note", "places", "policy", "wait_event"],
            &["advice"],
            &["foreign", "model"],
            &["hang_report"],
            &["held_now", "history", "holder", "modes", "printable_report", "record", "under_guard"],
            &["sentences"],
            &["help", "notes", "render"],
            &["build", "shared", "stored"],
            &["hang"],
        ],
    ),
    (
        "instrument/cargo-lockdep/src/",
        "",
        &[
            &["columns", "count", "exit", "printable"],
            &["error"],
            &["codes", "input", "output"],
            &["excerpts", "settings", "sysroot"],
            &["records"],
            &["source"],
            &["findings"],
            &["render", "watch"],
            &["cargo"],
            &["command"],
        ],
    ),
    (
        "instrument/src/",
        "",
        &[
            &["lock"],
            &["runtime"],
            &["hook"],
            &["assert", "class_order", "context", "flow", "inspect", "many", "pins", "thread", "wound_wait"],
            &["lock_api", "sync"],
            &["parking_lot", "tokio"],
        ],
    ),
    (
        "instrument/src/",
        "runtime/",
        &[
            &["stat", "system"],
            &["process"],
            &["settings"],
            &["identity"],
            &["task"],
            &["output"],
            &["wait"],
            &["hang_none"],
            &["hang"],
            &["life"],
            &["event"],
        ],
    ),
    ("vmalock/src/", "", &[&["probe"], &["base"], &["object"], &["lock"], &["guard"], &["space"]]),
];

/// A file that may use a room above its own: the file, the room, and why.
const UP: &[(&str, &str, &str)] = &[
    ("instrument/src/runtime/task/thread.rs", "wait", SLOT),
    ("instrument/src/runtime/wait/event.rs", "event", ENTER),
    ("instrument/src/runtime/wait/publish.rs", "event", ENTER),
    ("instrument/src/runtime/wait/ring.rs", "event", ENTER),
    ("instrument/src/runtime/wait/publish.rs", "hang", WATCHER),
    ("instrument/src/runtime/wait/publish.rs", "hang_none", WATCHER),
];

const SLOT: &str = "the state of a thread has the slot in which it publishes its waits";
const ENTER: &str = "a use of the thread's state begins as an event does: with the deferred events";
const WATCHER: &str = "the first wait starts the thread that watches for hangs";

#[test]
fn arrows_between_rooms_point_down() {
    let mut offences = Vec::new();
    let mut is_needed = [false; UP.len()];
    for (package, inside, floors) in ROOMS {
        let floor = |room: &str| floors.iter().position(|rooms| rooms.contains(&room));
        let graph = graph_of(package);
        for (room, targets) in graph.room_arrows(inside) {
            // The root re-exports; its own items are for all.
            if matches!(room, "lib" | "main" | "mod") {
                continue;
            }
            let Some(own) = floor(room) else {
                offences.push(format!("{package}{inside}{room}: on no floor (add it to ROOMS)"));
                continue;
            };
            for (other, from, to) in targets {
                let is_up = floor(other).is_some_and(|theirs| theirs >= own);
                let from_root = format!("{package}{from}");
                let allowed = UP.iter().position(|(file, room, _)| *file == from_root && *room == other);
                if let Some(index) = allowed.filter(|_| is_up) {
                    is_needed[index] = true;
                } else if is_up {
                    offences.push(format!("{package}{from} uses {to}: {room} reaches up into {other}"));
                }
            }
        }
    }
    for ((file, room, why), _) in UP.iter().zip(is_needed).filter(|(_, is_needed)| !is_needed) {
        offences.push(format!("{file} does not use {room}: no exception is needed ({why})"));
    }
    refuse("arrows that do not point down", &offences);
}

/// The files of a package without its tests, each by its path below `package`.
fn files_of(package: &str) -> Vec<(String, String)> {
    let is_test =
        |name: &str| name.ends_with("tests.rs") || name.contains("tests/") || name.starts_with("bin/");
    let files: Vec<(String, String)> = sources(&["rs"])
        .into_iter()
        .filter_map(|(name, text)| Some((name.strip_prefix(package)?.to_owned(), text.to_owned())))
        .filter(|(name, _)| !is_test(name))
        .collect();
    assert!(!files.is_empty(), "{package} has no sources");
    files
}

/// The graph of a package, which is read once.
fn graph_of(package: &'static str) -> &'static arrows::Crate {
    static READ: Mutex<BTreeMap<&str, &arrows::Crate>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().expect("no test panics while it reads");
    read.entry(package).or_insert_with(|| Box::leak(Box::new(arrows::Crate::read(&files_of(package)))))
}

/// A module with files of its own lies in `a/mod.rs`, not in `a.rs` beside the folder: everything
/// about it is in one place.
#[test]
fn a_folder_has_its_module_inside() {
    let names: Vec<&str> = sources(&["rs"]).into_iter().map(|(name, _)| name).collect();
    let has_folder = |name: &&&str| {
        let folder = format!("{}/", name.trim_end_matches(".rs"));
        name.contains("/src/") && names.iter().any(|other| other.starts_with(&folder))
    };
    let offences: Vec<String> = names.iter().filter(has_folder).map(|name| (*name).to_owned()).collect();
    refuse("files beside the folder of their module (move them to its mod.rs)", &offences);
}

/// The crates whose files may not use each other in a circle.
const CRATES: &[&str] = &[
    "validator/src/",
    "validator/report/src/",
    "instrument/src/",
    "instrument/cargo-lockdep/src/",
    "instrument/std/src/",
    "instrument/lock_api/v0_2/src/",
    "instrument/lock_api/v0_3/src/",
    "instrument/lock_api/v0_4/src/",
    "instrument/lock_api/v0_5/src/",
    "instrument/once_cell/src/",
    "vmalock/src/",
    "tests/src/",
    "tests/x/src/",
];

/// Two files that are one concept: the arrow back from the first to the second, which makes no
/// circle, and why it is there.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "vmalock/src/object/node_pool.rs",
        "vmalock/src/object/node.rs",
        "the pool is memory for nodes, and links them through a field of theirs",
    ),
    (
        "vmalock/src/object/vma.rs",
        "vmalock/src/object/mm.rs",
        "a VMA names its address space, whose tree holds VMAs: as `vm_mm` and `mm_mt` do in the kernel",
    ),
    (
        "instrument/src/lock_api/common/rwlock_guard.rs",
        "instrument/src/lock_api/common/rwlock.rs",
        "a lock makes its guards, and a guard leads to its lock: `RwLock` and its six guards",
    ),
    (
        "instrument/src/runtime/task/place.rs",
        "instrument/src/runtime/task/thread.rs",
        "a place leads to the state of its thread, whose quick stack is made of places",
    ),
];

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut offences = Vec::new();
    for package in CRATES {
        let graph = graph_of(package);
        let mut arrows = graph.arrows();
        for (from, to, why) in PAIRS {
            let Some((from, to)) = from.strip_prefix(package).zip(to.strip_prefix(package)) else { continue };
            if !arrows.get_mut(from).is_some_and(|targets| targets.remove(to)) {
                offences.push(format!("{package}{from} does not use {to}: no exception is needed ({why})"));
            }
        }
        for circle in arrows::circles(&arrows) {
            offences.push(format!("{package}: {} files: {}", circle.len(), circle.join(", ")));
            for from in &circle {
                let to: Vec<&str> = arrows[from.as_str()]
                    .iter()
                    .copied()
                    .filter(|to| circle.iter().any(|file| file == to))
                    .collect();
                offences.push(format!("    {from} -> {}", to.join(", ")));
            }
        }
    }
    refuse("files that use each other in a circle", &offences);
}

/// An import of all names hides which of them a file uses.
#[test]
fn no_file_imports_all_names_of_another() {
    let mut offences = Vec::new();
    for package in CRATES {
        let graph = graph_of(package);
        let globs = graph.globs();
        offences.extend(globs.iter().map(|(file, module)| format!("{package}{file}: `{module}::*`")));
    }
    refuse("imports of all names (list the names)", &offences);
}
