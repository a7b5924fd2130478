//! Which function a path belongs to: the local router's table in the workspace's manifest, which another test holds
//! against the template and the description.

use cargo_metadata::MetadataCommand;

/// The table.
pub(super) struct Routing {
    /// Segments of a pattern, and the function.
    routes: Vec<(Vec<String>, String)>,
    otherwise: String,
}

impl Routing {
    pub(super) fn of_workspace() -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .no_deps()
            .exec()
            .expect("the workspace's manifest is readable");
        let table = &metadata.workspace_metadata["lambda"]["watch"]["router"];
        Self::new(table.as_object().expect("a table").iter().map(|(path, function)| {
            let function = function.as_str().expect("a function's name");
            (path.as_str(), function)
        }))
    }

    fn new<'a>(table: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut routes, mut otherwise) = (Vec::new(), String::new());
        for (path, function) in table {
            if path == "/{*rest}" {
                function.clone_into(&mut otherwise);
            } else {
                routes.push((segments(path), function.to_owned()));
            }
        }
        Self { routes, otherwise }
    }

    /// The function of the pattern that fits; of two, the one with fewer variables.
    pub(super) fn function_of(&self, path: &str) -> &str {
        let asked = segments(path);
        let is_variable = |segment: &String| segment.starts_with('{');
        self.routes
            .iter()
            .filter(|(pattern, _)| {
                pattern.len() == asked.len()
                    && pattern
                        .iter()
                        .zip(&asked)
                        .all(|(wanted, given)| is_variable(wanted) || wanted == given)
            })
            .min_by_key(|(pattern, _)| pattern.iter().filter(|segment| is_variable(segment)).count())
            .map_or(&self.otherwise, |(_, function)| function)
    }
}

fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_with_fewer_variables_wins_and_the_rest_goes_to_the_catch_all() {
        let table = [
            ("/{*rest}", "rest"),
            ("/a/{id}", "one"),
            ("/a/check", "check"),
            ("/a/{id}/b", "deep"),
        ];
        let routing = Routing::new(table.into_iter());
        let found = |path: &str| routing.function_of(path).to_owned();
        assert_eq!(
            [
                found("/a/1"),
                found("/a/check"),
                found("/a/1/b"),
                found("/a"),
                found("/")
            ],
            ["one", "check", "deep", "rest", "rest"]
        );
    }
}
