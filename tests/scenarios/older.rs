//! An older Teleport, which has only the older calls of some kinds: they are used, and all that holds of newer ones holds.
use serde_json::json;

use crate::manifests::user;
use crate::world::World;

const KIND: &str = "TeleportUser";

#[test]
fn users_are_synced_with_the_older_calls() {
    let mut world = World::without_operator("older");
    for call in ["GetUser", "CreateUser", "UpdateUser"] {
        let method = format!("teleport.users.v1.UsersService/{call}");
        let fault =
            json!({"method": method, "code": "UNIMPLEMENTED", "message": "unknown method", "times": -1});
        world.target.inject(&fault);
    }
    world.run(&["--sync-period", "1s"]);
    world.apply_all([&user("my-user", &["access"])]);
    world.until_ready(KIND, "my-user");
    let roles = || {
        let stored = world.target.resource("user", "my-user").expect("it is there");
        stored.json["spec"]["roles"].clone()
    };
    assert_eq!(roles(), json!(["access"]));
    world.apply_all([&user("my-user", &["access", "auditor"])]);
    world.until_ready(KIND, "my-user");
    assert_eq!(roles(), json!(["access", "auditor"]));

    // These calls answer with nothing: what they left is learned from lists, and nothing is written for it twice.
    world.until_listed("/teleport.users.v1.UsersService/ListUsers", 8);
    let writes: Vec<_> = world.target.writes().into_iter().map(|write| write.method).collect();
    assert_eq!(writes, ["/proto.AuthService/CreateUser", "/proto.AuthService/UpdateUser"]);

    let mut changed = world.target.resource("user", "my-user").expect("it is there").json;
    changed["spec"]["roles"] = json!(["editor"]);
    world.target.put("user", "my-user", &changed);
    world.until("the change is undone", || (roles() == json!(["access", "auditor"])).then_some(()));

    let calls = world.target.calls();
    let tried = calls.get("/teleport.users.v1.UsersService/CreateUser");
    assert_eq!(tried, Some(&1), "what the server lacks is remembered");
}
