//! `GET /api/v1/tenants`.

use crate::stage::{Stage, column};

#[tokio::test]
async fn the_operator_walks_all_tenants_newest_first() {
    let stage = Stage::set().await;
    let mut expected = vec![stage.tenant.id.to_string()];
    for _ in 0..4 {
        expected.insert(0, stage.stack.new_tenant().await.to_string());
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/tenants?limit=2".to_owned());
    loop {
        let page = stage.operator("GET", &path, None).await.expect(200);
        seen.extend(column(&page, "id"));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/tenants?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, expected);
    let all = stage.operator("GET", "/api/v1/tenants", None).await.expect(200);
    assert_eq!((column(&all, "id"), all["next_cursor"].is_null()), (expected, true));
}
