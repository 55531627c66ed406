#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lapidary_sdk::kinds::{Ask, Prompt};

use super::*;

fn info(fingerprint: &str) -> LlmInfo {
    LlmInfo {
        model: "m".to_owned(),
        fingerprint: fingerprint.to_owned(),
        context_length: 0,
        parameters: 0,
        chat: false,
    }
}

fn set(domain: &str) -> AttributeSet {
    let text = |t: &str| t.to_owned();
    AttributeSet {
        domain: text(domain),
        item: text("movie"),
        items: text("movies"),
        verb: text("watched"),
        attributes: vec![],
    }
}

fn request(text: &str) -> Request {
    Request {
        prompt: Prompt::Text(text.to_owned()),
        ask: Ask::Likelihood {
            continuations: vec![" a".to_owned()],
        },
    }
}

fn key(text: &str) -> Key {
    let asker = Asker::new(&info("f"), "s 1", &set("movies")).unwrap();
    asker.key(&request(text)).unwrap()
}

fn answer(text: &str) -> Answer {
    Answer::Text(text.to_owned())
}

fn put(cache: &Cache, text: &str) {
    cache.put([(&key(text), &answer(text))]).unwrap();
}

#[test]
fn every_part_of_a_question_changes_its_name() {
    let of = |model: &str, strategy: &str, domain: &str, text: &str| {
        let asker = Asker::new(&info(model), strategy, &set(domain)).unwrap();
        asker.key(&request(text)).unwrap()
    };
    let all = [
        of("f", "s 1", "movies", "q"),
        of("g", "s 1", "movies", "q"),
        of("f", "s 2", "movies", "q"),
        of("f", "s 1", "books", "q"),
        of("f", "s 1", "movies", "r"),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|b| a != b), "{i}");
    }
    assert_eq!(all[0], of("f", "s 1", "movies", "q"));
}

#[test]
fn answers_are_found_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/answers.sqlite");
    let exact = Answer::Likelihood {
        log_probs: vec![-0.1 - 0.2, f64::MIN_POSITIVE, -1e300],
        tokens: vec![1, 2, 3],
    };
    {
        let cache = Cache::open(&path).unwrap();
        assert!(cache.is_empty().unwrap());
        cache.put([(&key("a"), &exact)]).unwrap();
    }
    let cache = Cache::open(&path).unwrap();
    assert_eq!(cache.get(&key("a")).unwrap(), Some(exact));
    assert_eq!(cache.get(&key("b")).unwrap(), None);
    assert_eq!(cache.set_aside(), None);
}

#[test]
fn many_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    let (writers, each) = (4, 25);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let path = &path;
            scope.spawn(move || {
                let cache = Cache::open(path).unwrap();
                for i in 0..each {
                    put(&cache, &format!("{writer} {i}"));
                    put(&cache, &format!("all {i}"));
                }
            });
        }
    });
    let cache = Cache::open(&path).unwrap();
    assert_eq!(cache.len().unwrap(), (writers + 1) * each);
    assert_eq!(cache.get(&key("3 24")).unwrap(), Some(answer("3 24")));
}

/// The body of the other process of the next test; does nothing when run by itself.
#[test]
fn writer_in_another_process() {
    let Ok(path) = std::env::var("LAPIDARY_TEST_CACHE") else {
        return;
    };
    let cache = Cache::open(Path::new(&path)).unwrap();
    for i in 0..50 {
        put(&cache, &format!("child {i}"));
    }
}

#[test]
fn two_processes_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    let cache = Cache::open(&path).unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "guidance::cache::tests::writer_in_another_process",
        ])
        .env("LAPIDARY_TEST_CACHE", &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for i in 0..50 {
        put(&cache, &format!("parent {i}"));
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(cache.len().unwrap(), 100);
    assert_eq!(
        cache.get(&key("child 49")).unwrap(),
        Some(answer("child 49"))
    );
}

fn damage(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    let n = bytes.len();
    bytes[16..n].fill(0xa5);
    std::fs::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn a_damaged_file_is_set_aside_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    put(&Cache::open(&path).unwrap(), "a");
    let bytes = damage(&path);
    let cache = Cache::open(&path).unwrap();
    let aside = cache.set_aside().expect("set aside");
    assert_eq!(std::fs::read(aside).unwrap(), bytes);
    assert!(cache.is_empty().unwrap());
    put(&cache, "b");
    drop(cache);
    assert_eq!(Cache::open(&path).unwrap().len().unwrap(), 1);
}

#[test]
fn a_file_that_never_was_a_database_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    std::fs::write(&path, "my shopping list ".repeat(100)).unwrap();
    let cache = Cache::open(&path).unwrap();
    let kept = std::fs::read_to_string(cache.set_aside().unwrap()).unwrap();
    assert!(kept.starts_with("my shopping list"));
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.sqlite");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE photos (name TEXT)")
        .unwrap();
    let message = Cache::open(&path).unwrap_err().to_string();
    assert!(message.contains("another program's database"), "{message}");
    let newer = folder.path().join("newer.sqlite");
    drop(Cache::open(&newer).unwrap());
    let raised = Connection::open(&newer).unwrap();
    raised
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    let message = Cache::open(&newer).unwrap_err().to_string();
    assert!(message.contains("newer Lapidary"), "{message}");
}

#[test]
fn an_unreadable_answer_counts_as_unknown() {
    let cache = Cache::in_memory().unwrap();
    let insert = "INSERT INTO answers VALUES (?1, '{oops', 0)";
    cache
        .connection
        .execute(insert, [key("a").as_str()])
        .unwrap();
    assert_eq!(cache.get(&key("a")).unwrap(), None);
    put(&cache, "a");
    assert_eq!(cache.get(&key("a")).unwrap(), Some(answer("a")));
}
