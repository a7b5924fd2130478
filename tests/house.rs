//! The house: which room may depend on which.

use std::collections::{BTreeMap, BTreeSet};

use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use regex::Regex;

const FUNCTIONS: [&str; 5] = ["approval", "audit", "health", "outbox", "tenant"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
        .exec()
        .expect("cargo metadata")
}

/// What each of our packages needs to run, of ours and of others.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    metadata()
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let names = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind == DependencyKind::Normal)
                .map(|dependency| dependency.name.clone())
                .collect();
            (package.name.to_string(), names)
        })
        .collect()
}

fn ours(names: &BTreeSet<String>, all: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    names.iter().filter(|name| all.contains_key(*name)).cloned().collect()
}

#[test]
fn functions_depend_on_shared_and_never_on_each_other() {
    let all = dependencies();
    for function in FUNCTIONS {
        assert_eq!(
            ours(&all[function], &all),
            BTreeSet::from(["shared".to_owned()]),
            "{function}"
        );
    }
    let proof = BTreeSet::from(["countersign-proof".to_owned()]);
    assert_eq!(ours(&all["countersign-proof"], &all), BTreeSet::new());
    assert_eq!(ours(&all["shared"], &all), proof);
    let both = BTreeSet::from(["countersign-proof".to_owned(), "shared".to_owned()]);
    assert_eq!(ours(&all["countersign"], &all), both);
}

#[test]
fn lambda_and_aws_are_known_in_one_room() {
    for (package, names) in dependencies() {
        if package == "shared" {
            continue;
        }
        let strays: Vec<_> = names
            .iter()
            .filter(|name| name.starts_with("lambda_") || name.starts_with("aws-"))
            .collect();
        assert!(strays.is_empty(), "{package} depends on {strays:?}");
    }
}

#[test]
fn only_tests_enable_the_testing_room() {
    for package in metadata().workspace_packages() {
        for dependency in &package.dependencies {
            let testing = dependency.features.iter().any(|feature| feature == "testing");
            let test_package = package.name.as_str() == "system-tests";
            assert!(
                !testing || test_package || dependency.kind == DependencyKind::Development,
                "{} ships the testing room",
                package.name
            );
        }
    }
}

/// Which of our packages a build of these packages gives the feature `testing`.
fn given_testing<'a>(packages: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).args([
        "tree",
        "--locked",
        "--offline",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}\t{f}",
    ]);
    for package in packages {
        tree.args(["--package", package]);
    }
    let told = tree.output().expect("cargo runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let lines = String::from_utf8(told.stdout).expect("UTF-8");
    let given = lines
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('\t'))
        .filter(|(_, features)| features.split(',').any(|feature| feature == "testing"))
        .map(|(package, _)| package.split(' ').next().unwrap_or_default().to_owned());
    given.collect()
}

#[test]
fn what_is_deployed_is_built_without_the_testing_room() {
    let metadata = metadata();
    let deployed: BTreeSet<&str> = metadata.workspace_metadata["lambda"]["build"]["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    assert_eq!(deployed, BTreeSet::from(FUNCTIONS));
    assert_eq!(given_testing(deployed.iter().copied()), BTreeSet::new());
    assert_eq!(given_testing(["countersign"]), BTreeSet::new());
    // Together with the tests they would have it.
    let with_tests = given_testing(deployed.into_iter().chain(["system-tests"]));
    assert!(with_tests.contains("shared"), "{with_tests:?}");
}

#[test]
fn sql_is_in_the_stores_and_nowhere_else() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let mut strays = Vec::new();
    for function in FUNCTIONS {
        visit(&root.join("functions").join(function).join("src"), &mut |path, text| {
            let in_store = path
                .components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with("store"));
            if !in_store && text.contains("sqlx::query") {
                strays.push(path.display().to_string());
            }
        });
    }
    assert!(strays.is_empty(), "queries outside a store: {strays:#?}");
}

/// What puts a route, or an answer to one, into a router past its description.
const UNSEEN: &str =
    r"[.:](route|route_service|nest|nest_service|merge|fallback|fallback_service|method_not_allowed_fallback)\(";

/// The ways in which a source adds a route that the description does not see: from the description come the lists of every
/// test over all routes.
fn unseen_routes(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(str::chars)
        .filter(|character| !character.is_whitespace())
        .collect();
    let calls = Regex::new(UNSEEN).expect("a pattern");
    let mut found: Vec<String> = calls.find_iter(&code).map(|call| call.as_str().to_owned()).collect();
    let tables = code
        .match_indices("routes(")
        .filter(|(at, _)| code[..*at].ends_with(['.', ':']));
    found.extend(
        tables
            .filter(|(at, call)| {
                !["routes!(", ")"]
                    .iter()
                    .any(|next| code[at + call.len()..].starts_with(next))
            })
            .map(|(_, call)| call.to_owned()),
    );
    // Made elsewhere, a router could come in by another name.
    for name in ["axum::routing", "axum::Router", "UtoipaMethodRouter"] {
        found.extend(code.contains(name).then(|| name.to_owned()));
    }
    found
}

#[test]
fn a_function_adds_its_routes_where_the_description_sees_them() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let (mut strays, mut tables) = (Vec::new(), 0);
    for function in FUNCTIONS {
        visit(&root.join("functions").join(function).join("src"), &mut |path, text| {
            tables += text.matches(".routes(routes!(").count();
            let found = unseen_routes(text);
            if !found.is_empty() {
                strays.push(format!("{}: {found:?}", path.display()));
            }
        });
    }
    assert!(strays.is_empty(), "routes that no description lists: {strays:#?}");
    assert!(tables >= 20, "{tables}: the tables are where this test looks for them");
}

#[test]
fn a_route_past_the_description_is_noticed_however_it_is_written() {
    for source in [
        r#".route("/api/v1/forgotten/{id}", axum::routing::delete(forgotten))"#,
        ".route\n(\"/forgotten\", get)",
        ".nest(\"/api\", inner)",
        ".merge(inner())",
        "OpenApiRouter::route(table, \"/forgotten\", get)",
        ".fallback(anything)",
        ".routes((schemas, paths, delete(forgotten)))",
        ".routes( // routes!(\n made_by_hand())",
        "OpenApiRouter::routes(table, made_by_hand())",
    ] {
        assert!(!unseen_routes(source).is_empty(), "{source}");
    }
    assert!(unseen_routes("// .route(\ntable.routes(\n    routes!(get_task::get_task))").is_empty());
}

/// What a source writes to the log, by the words that every such line has: the last text in its macro, up to what is filled in.
fn logged(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let call = Regex::new(r"tracing::(?:error|warn|info)!\(").expect("a pattern");
    let token = Regex::new(r#""((?:[^"\\]|\\.)*)"|[()]"#).expect("a pattern");
    let mut found = Vec::new();
    for start in call.find_iter(code) {
        let (mut depth, mut words) = (1, "");
        for token in token.captures_iter(&code[start.end()..]) {
            match (&token[0], token.get(1)) {
                ("(", _) => depth += 1,
                (")", _) => depth -= 1,
                (_, text) => words = text.map_or("", |text| text.as_str()),
            }
            if depth == 0 {
                break;
            }
        }
        let fixed = words.split(['{', ';']).next().unwrap_or_default();
        found.push(fixed.trim_end_matches([' ', ':']).to_owned());
    }
    found
}

#[test]
fn the_lines_that_can_be_logged_are_documented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let page = std::fs::read_to_string(root.join("docs/logging.md")).expect("the page");
    let (mut missing, mut lines) = (Vec::new(), 0);
    for room in ["functions", "shared"] {
        visit(&root.join(room), &mut |path, text| {
            let is_product = path.components().any(|part| part.as_os_str() == "src")
                && !path.components().any(|part| part.as_os_str() == "testing");
            for words in if is_product { logged(text) } else { Vec::new() } {
                lines += 1;
                if !page.contains(&words) {
                    missing.push(format!("{}: {words}", path.display()));
                }
            }
        });
    }
    assert!(missing.is_empty(), "docs/logging.md does not name {missing:#?}");
    assert!(lines >= 20, "{lines}: the lines are where this test looks for them");
}

#[test]
fn a_line_is_known_by_its_words() {
    let source = r#"tracing::warn!(%error, at = "x", "it was \"missed\""); done.inspect_err(|e| tracing::error!(
            %e, "no (never): {e}"))?; match x { _ => tracing::warn!(f(1, "a"), "one"), } tracing::info!(event = "sweep", %summary); #[cfg(test)] tracing::error!("of a test");"#;
    assert_eq!(logged(source), [r#"it was \"missed\""#, "no (never)", "one", "sweep"]);
}

fn visit(directory: &std::path::Path, look: &mut impl FnMut(&std::path::Path, &str)) {
    for entry in std::fs::read_dir(directory).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &std::fs::read_to_string(&path).expect("UTF-8"));
        }
    }
}

/// What stands in backticks in the documents and looks like a path of the repository.
fn paths_named(document: &str) -> impl Iterator<Item = &str> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let first = text.split('/').next().unwrap_or_default();
        [
            "cli",
            "docs",
            "functions",
            "migrations",
            "policies",
            "scripts",
            "shared",
            "tests",
        ]
        .contains(&first)
            && text.contains('/')
            && !text.contains(['{', '*', ' ', '<'])
    })
}

#[test]
fn the_files_that_the_documents_name_exist() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut named = 0;
    for entry in std::fs::read_dir(root.join("docs")).expect("documents") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let document = std::fs::read_to_string(&path).expect("text");
        for file in paths_named(&document) {
            assert!(root.join(file).exists(), "{}: {file} does not exist", path.display());
            named += 1;
        }
    }
    assert!(named > 60, "{named} paths");
}
