//! A base embedding from a file, matched with a data set.

use super::*;
use crate::data::import::{ImportSpec, VectorFile, import};
use crate::data::{Dataset, LeaveOneOut, leave_one_out};
use crate::pipeline::Missing;

/// Users 1 to 3 had the items `i0` to `i3`.
pub(super) fn data(folder: &Path) -> Dataset {
    let rows: Vec<String> = (1..4)
        .flat_map(|user| (0..4).map(move |item| format!("{user}\ti{item}\t\t{item}\n")))
        .collect();
    let text = format!("user_id\titem_id\trating\ttimestamp\n{}", rows.concat());
    let source = folder.join("source");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("interactions.tsv"), text).unwrap();
    let spec = ImportSpec {
        name: "small".to_owned(),
        path: Some(source),
        ..ImportSpec::default()
    };
    let into = folder.join("data");
    import(&spec, &into).unwrap();
    Dataset::open(&into).unwrap()
}

struct Vectors {
    scene: Scene,
    data: Dataset,
    split: Split,
}

impl Vectors {
    fn new() -> Self {
        let scene = Scene::new();
        let data = data(scene.folder.path());
        let split = leave_one_out(&data, &LeaveOneOut::default()).unwrap();
        Self { scene, data, split }
    }

    fn file(&self, rows: &str) -> VectorFile {
        let path = self.scene.folder.path().join("v.csv");
        std::fs::write(&path, format!("id,x,y\n{rows}")).unwrap();
        VectorFile {
            path,
            ids: None,
            tensor: None,
            id_column: None,
        }
    }

    fn embed(
        &self,
        context: &Context,
        rows: &str,
        missing: Missing,
    ) -> crate::Result<BaseEmbedding> {
        precomputed(context, &self.data, &self.split, &self.file(rows), missing)
    }
}

const ALL: &str = "i3,3,30\ni1,1,10\nother,9,9\ni0,0,0\ni2,2,20\n";
const SOME: &str = "i3,3,30\nother,9,9\ni1,1,10\n";

#[test]
fn rows_are_matched_by_identifier_and_others_ignored_and_counted() {
    let vectors = Vectors::new();
    for how in ["made", "loaded"] {
        let context = vectors.scene.context();
        let base = vectors.embed(&context, ALL, Missing::Error).unwrap();
        let expected = Tensor::from_slice(&[0.0_f32, 0.0, 1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        assert_eq!(base.items.unwrap(), expected.view([4, 2]));
        assert_eq!(base.dim, 2);
        let key = format!("base {}", base.fingerprint.short());
        assert_eq!(noted(&context)[&key]["how"], how);
        let text = std::fs::read(context.folder.path().join("run.json")).unwrap();
        let run: Value = serde_json::from_slice(&text).unwrap();
        let counted = json!({"rows": 5, "unused": 1, "missing": 0});
        assert_eq!(run["precomputed"][&key], counted);
    }
}

#[test]
fn items_that_the_file_lacks_are_an_error_zero_or_the_mean() {
    let vectors = Vectors::new();
    let context = vectors.scene.context();
    let message = vectors.embed(&context, SOME, Missing::Error).unwrap_err();
    let expected =
        "v.csv: lacks 2 of the 4 items of `small`: `i0`, `i2`; add them, or set `missing`";
    assert!(message.to_string().contains(expected), "{message}");
    for (missing, value) in [
        (Missing::Zero, [0.0_f32, 0.0]),
        (Missing::Mean, [2.0, 20.0]),
    ] {
        let items = vectors
            .embed(&context, SOME, missing)
            .unwrap()
            .items
            .unwrap();
        let value = Tensor::from_slice(&value);
        assert_eq!((items.get(0), items.get(2)), (value.copy(), value));
        assert_eq!(items.get(1), Tensor::from_slice(&[1.0_f32, 10.0]));
    }
    for missing in [Missing::Error, Missing::Zero] {
        let message = vectors.embed(&context, "tt1,1,2\n", missing).unwrap_err();
        let expected = "holds none of the items of `small`, such as `i0`";
        assert!(message.to_string().contains(expected), "{message}");
        assert!(message.to_string().contains("`tt1`"), "{message}");
    }
}

#[test]
fn a_changed_file_has_another_name_and_a_dry_run_reads_it() {
    let vectors = Vectors::new();
    let context = vectors.scene.context();
    let name = |rows: &str, missing| {
        let base = vectors.embed(&context, rows, missing).unwrap();
        base.fingerprint.to_string()
    };
    let plain = name(ALL, Missing::Error);
    assert_eq!(plain, name(ALL, Missing::Error));
    assert_ne!(plain, name(ALL, Missing::Mean));
    assert_ne!(plain, name(&ALL.replace("9,9", "9,8"), Missing::Error));

    let dry = vectors.scene.context_of("1", true);
    let base = vectors.embed(&dry, ALL, Missing::Error).unwrap();
    assert!(base.items.is_none() && base.dim == 2);
    assert!(vectors.embed(&dry, SOME, Missing::Error).is_err());
}
