//! Another tenant's key, ids and lists, over every route that there is: the list of routes is the description's, so that a
//! new route cannot be forgotten.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use serde_json::{Value, json};
use shared::testing::{Answer, TestClient, TestKey, TestRequest, TestStack, TestTenant};
use system_tests::{
    objects::Objects,
    product,
    routes::{Access, Route, routes},
    samples::{fields, sample, variants},
};
use uuid::Uuid;

/// Names nothing.
const NOTHING: Uuid = Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0001);

/// A product that two tenants use, whose agents have names of their own.
struct Stage {
    stack: TestStack,
    client: TestClient,
    ours: TestTenant,
    theirs: TestTenant,
}

impl Stage {
    async fn set() -> Self {
        let stack = TestStack::start().await;
        Self {
            client: stack.client(product(stack.ctx.clone())),
            ours: stack.tenant_with_agent("our-agent").await,
            theirs: stack.tenant_with_agent("their-agent").await,
            stack,
        }
    }

    async fn objects_of(&self, tenant: &TestTenant) -> Objects {
        Objects::make(&self.stack, &self.client, tenant).await
    }

    fn request(&self, route: &Route, path: &str, body: Option<&Value>) -> TestRequest {
        let request = self.client.request(route.method, path);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// With the least body that the route takes.
    fn least(&self, route: &Route, path: &str) -> TestRequest {
        self.request(route, path, route.body.as_ref().map(sample).as_ref())
    }

    /// Whether one of these requests succeeds for somebody of the tenant, or for the operator, and changes something unless
    /// it is one that reads.
    async fn works(&self, route: &Route, path: &str, bodies: &[Option<Value>], tenant: &TestTenant) -> bool {
        let before = self.stack.snapshot().await;
        for body in bodies {
            let of_people = tenant
                .keys()
                .map(|(_, key)| self.request(route, path, body.as_ref()).key(key));
            let of_operator = self.request(route, path, body.as_ref()).bearer(self.stack.operator());
            for request in of_people.into_iter().chain([of_operator]) {
                let done = (200..300).contains(&request.send().await.status);
                if done && (route.is_read() || self.stack.snapshot().await != before) {
                    return true;
                }
            }
        }
        false
    }
}

/// Every body of the route, or none where it takes none.
fn bodies(route: &Route) -> Vec<Option<Value>> {
    match &route.body {
        Some(schema) => variants(schema).into_iter().map(Some).collect(),
        None => vec![None],
    }
}

/// Asserts that an answer about another's object is the one about nobody's, and returns whether it came to that.
#[track_caller]
fn tells_nothing(theirs: &Answer, nobodys: &Answer, what: &str) -> bool {
    assert_eq!(theirs.status, nobodys.status, "{what}: {}", theirs.text());
    assert!(
        [400, 403, 404].contains(&theirs.status),
        "{what}: {} {}",
        theirs.status,
        theirs.text()
    );
    assert_eq!(theirs.json()["error"], nobodys.json()["error"], "{what}");
    theirs.status != 400
}

#[tokio::test]
async fn anothers_key_is_unknown_on_every_route() {
    let stage = Stage::set().await;
    let (ours, theirs) = (&stage.ours, &stage.theirs);
    let objects = stage.objects_of(ours).await;
    let mut asked = 0;
    for route in routes().iter().filter(|route| route.access == Access::Tenant) {
        let path = objects.in_path(route);
        for (_, key) in theirs.keys() {
            let request = stage.least(route, &path).tenant(ours.id).bearer(&key.text);
            request.send().await.expect_error(401, "UNAUTHORIZED");
            asked += 1;
        }
        let without_key = stage.least(route, &path).tenant(ours.id);
        without_key.send().await.expect_error(401, "UNAUTHORIZED");
        let without_tenant = stage.least(route, &path).bearer(&ours.admin.text);
        without_tenant.send().await.expect_error(400, "MISSING_TENANT_ID");
    }
    println!("{asked} requests with another tenant's key, all 401");
}

#[tokio::test]
async fn a_query_parameter_that_a_route_does_not_know_is_refused_on_every_route() {
    let stage = Stage::set().await;
    let objects = stage.objects_of(&stage.ours).await;
    let before = stage.stack.snapshot().await;
    for route in routes() {
        let asked = || stage.least(&route, &format!("{}?unheard_of=1", objects.in_path(&route)));
        let mut answer = if route.access == Access::Operator {
            asked().bearer(stage.stack.operator()).send().await
        } else {
            asked().key(&stage.ours.admin).send().await
        };
        // What an admin may not do, an agent may.
        if answer.status == 403 {
            answer = asked().key(&stage.ours.agent).send().await;
        }
        let details = answer.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], "unheard_of", "{}", route.name());
    }
    assert_eq!(stage.stack.snapshot().await, before, "and nothing was changed");
}

#[tokio::test]
async fn anothers_objects_do_not_exist_on_any_route() {
    let stage = Stage::set().await;
    let (mut asked, mut with_object) = (0, 0);
    for route in routes()
        .iter()
        .filter(|route| route.access != Access::Public && route.in_path.is_some())
    {
        // Of their own for each route, since some end what others need.
        let theirs = stage.stack.tenant().await;
        let path = stage.objects_of(&theirs).await.in_path(route);
        let bodies = bodies(route);
        let before = stage.stack.snapshot().await;
        for (role, key) in stage.ours.keys() {
            let mut came_to_the_object = false;
            for body in &bodies {
                let about = async |path: &str| stage.request(route, path, body.as_ref()).key(key).send().await;
                let (theirs, nobodys) = (about(&path).await, about(&route.at(&NOTHING.to_string())).await);
                let what = format!("{} {path} as {role} with {body:?}", route.method);
                came_to_the_object |= tells_nothing(&theirs, &nobodys, &what);
                asked += 1;
            }
            assert!(came_to_the_object, "{}: no body is accepted", route.name());
        }
        assert_eq!(
            stage.stack.snapshot().await,
            before,
            "{}: nothing of theirs was changed",
            route.name()
        );
        // Or it would show nothing that the same requests are refused to others.
        assert!(
            stage.works(route, &path, &bodies, &theirs).await,
            "{}: it works for nobody, or changes nothing",
            route.name()
        );
        with_object += 1;
    }
    println!("{asked} requests on another tenant's objects over {with_object} routes, none answered");
    assert!(with_object >= 14, "{with_object} routes");
}

#[tokio::test]
async fn anothers_event_does_not_exist_by_its_request_id_either() {
    let stage = Stage::set().await;
    let objects = stage.objects_of(&stage.theirs).await;
    let path = format!("/api/v1/audit/events/{}", objects.audit_request_id);
    for (_, key) in stage.ours.keys().into_iter().filter(|(role, _)| *role != "approver") {
        stage.client.get(key, &path).await.expect_error(404, "NOT_FOUND");
    }
    stage.client.get(&stage.theirs.agent, &path).await.expect(200);
}

#[tokio::test]
async fn lists_show_ones_own_and_nothing_else() {
    let stage = Stage::set().await;
    stage.objects_of(&stage.ours).await;
    let objects = stage.objects_of(&stage.theirs).await;
    let all = stage.stack.snapshot().await;
    let (own, foreign) = (all.names_of(stage.ours.id), all.names_of(stage.theirs.id));
    for id in objects.ids() {
        assert!(foreign.contains(&id.to_string()), "{id} is looked for: {objects:?}");
    }
    assert!(foreign.contains(&objects.audit_request_id) && foreign.contains("their-agent"));
    let (mut shown, mut lists) = (0, 0);
    for route in routes()
        .iter()
        .filter(|route| route.access == Access::Tenant && route.is_read() && route.in_path.is_none())
    {
        let mut filled = false;
        for (role, key) in stage.ours.keys() {
            let answer = stage.client.get(key, &route.path).await;
            let text = answer.text();
            for name in &foreign {
                assert!(
                    !text.contains(name.as_str()),
                    "{} shows another tenant's {name} to {role}",
                    route.path
                );
            }
            shown += usize::from(answer.status == 200);
            let listed = answer.json()["data"].as_array().is_some_and(|data| !data.is_empty());
            filled |= listed && own.iter().any(|name| text.contains(name.as_str()));
        }
        let is_list = route.query.iter().any(|parameter| parameter.name == "cursor");
        assert_eq!(filled, is_list, "{}: it has something to show", route.path);
        lists += usize::from(is_list);
    }
    println!(
        "{} names of another tenant's looked for in {shown} answers, among them those of {lists} lists",
        foreign.len()
    );
    assert!(
        lists >= 4 && foreign.len() >= 20,
        "{lists} lists, {} names",
        foreign.len()
    );
}

#[tokio::test]
async fn a_foreign_id_in_a_body_is_as_unknown_as_one_in_a_path() {
    let stage = Stage::set().await;
    let (ours, theirs) = (
        stage.objects_of(&stage.ours).await,
        stage.objects_of(&stage.theirs).await,
    );
    let (mut places, mut asked) = (0, 0);
    for route in routes().iter().filter(|route| route.access != Access::Public) {
        let schema = route.body.clone().unwrap_or_default();
        for field in fields(&schema).iter().filter(|field| field.rules()["format"] == "uuid") {
            let path = ours.in_path(route);
            let what = format!("{}: {}", route.name(), field.name());
            let bodies = |id: Uuid| -> Vec<Option<Value>> {
                let put = |body| field.put(body, &schema, json!(id));
                variants(&schema).into_iter().map(put).map(Some).collect()
            };
            let before = stage.stack.snapshot().await;
            let mut missing = 0;
            for id in theirs.ids() {
                for (foreign, nobodys) in bodies(id).iter().zip(bodies(NOTHING)) {
                    for (role, key) in stage.ours.keys() {
                        let send = async |body| stage.request(route, &path, body).key(key).send().await;
                        let (foreign, nobodys) = (send(foreign.as_ref()).await, send(nobodys.as_ref()).await);
                        tells_nothing(&foreign, &nobodys, &format!("{what} as {role}"));
                        missing += usize::from(foreign.status == 404);
                        asked += 1;
                    }
                }
            }
            assert!(missing > 0, "{what}: nobody was told that it does not exist");
            assert_eq!(stage.stack.snapshot().await, before, "{what}: nothing was changed");
            let own: Vec<_> = ours.ids().into_iter().flat_map(bodies).collect();
            assert!(
                stage.works(route, &path, &own, &stage.ours).await,
                "{what}: no id of one's own works"
            );
            places += 1;
        }
    }
    println!("{asked} requests with another tenant's id in {places} places of bodies, none answered");
    assert!(places >= 2, "{places} places");
}

#[tokio::test]
async fn anothers_token_is_unknown() {
    let stage = Stage::set().await;
    let check = async |key: &TestKey, token: &Value| {
        let body = json!({ "token": token });
        stage.client.post(key, "/api/v1/approvals/check", body).await
    };
    let body = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x" });
    let made = stage
        .client
        .post(&stage.theirs.agent, "/api/v1/approvals", body)
        .await
        .expect(201);
    check(&stage.ours.agent, &made["token"])
        .await
        .expect_error(404, "NOT_FOUND");
    assert_eq!(
        check(&stage.theirs.agent, &made["token"]).await.expect(200)["id"],
        made["id"]
    );
}
