//! The script of a server, with a real one on the loopback.

use serde_json::Value;

use super::place::{Place, SMALL};
use super::server::{self, Act, TestServer};

/// A server whose model rates by the length of the question, and which refuses the call of that number.
pub fn rating_server(refused: Option<usize>) -> TestServer {
    TestServer::start(move |number, call| {
        if Some(number) == refused {
            return server::failure(400, "out of memory");
        }
        let names = call.body["response_format"]["json_schema"]["schema"]["required"].clone();
        let length = call.body["messages"].to_string().len();
        let names = names.as_array().unwrap().iter().zip(0..);
        let rate = |(name, i): (&Value, usize)| {
            (
                name.as_str().unwrap().to_owned(),
                ((length + i) % 11).into(),
            )
        };
        let answer = Value::Object(names.map(rate).collect()).to_string();
        Act::Changed(Box::new(move |reply| {
            reply["choices"][0]["message"]["content"] = answer.clone().into();
        }))
    })
}

#[test]
fn the_script_of_servers_asks_one_and_asks_nothing_twice() {
    let (place, server) = (Place::new(), rating_server(None));
    let set = [SMALL[0].to_owned(), format!("base_url={}", server.url)];
    let ledger = format!("ledger={}", place.path("spent.jsonl").display());
    let set = [set[0].as_str(), &set[1], &ledger];
    let first = place.print("scripts/server.lua", &set);
    assert!(first.contains(" 0 known, 0 not readable"), "{first}");
    let asked = server.calls().len();
    assert!(
        asked > 0 && first.contains(&format!("{asked} asked")),
        "{first}"
    );
    let spent = std::fs::read_to_string(place.path("spent.jsonl")).unwrap();
    assert_eq!(spent.lines().count(), asked);
    assert_eq!(first, place.print("scripts/server.lua", &set));
    assert_eq!(server.calls().len(), asked);
}

#[test]
fn what_a_server_answered_before_it_failed_is_not_asked_again() {
    let (place, server) = (Place::new(), rating_server(Some(3)));
    let base_url = format!("base_url={}", server.url);
    let failed = place.run(
        "scripts/server.lua",
        &["--set", SMALL[0], "--set", &base_url],
    );
    let errors = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(
        !failed.status.success() && errors.contains("out of memory"),
        "{errors}"
    );
    let answered = server.calls().len() - 1;
    let printed = place.print("scripts/server.lua", &[SMALL[0], &base_url]);
    let asked = server.calls().len() - 1 - answered;
    assert!(
        answered >= 3 && asked > 0,
        "{answered} before, {asked} after"
    );
    let expected = format!("{asked} asked, {answered} known");
    assert!(printed.contains(&expected), "no `{expected}` in: {printed}");
}
