//! Descriptions of data sets, and what they describe.

use super::{Case, IMPORT, table, told};

const CASES: &[Case] = &[
    Case {
        title: "three keys and a value that are wrong",
        files: &[(
            "my.toml",
            r#"name = "films"
fromat = "canonical"
path = "films"
skip_bad = "yes"

[filters]
kcore = 5
min_ratting = 3
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "a value of another type",
        files: &[(
            "my.toml",
            r#"path = "films"
format = "canonical"
[filters]
k_core = "five"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "an unknown format",
        files: &[(
            "my.toml",
            r#"path = "films"
format = "canonicle"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "broken syntax",
        files: &[(
            "my.toml",
            r#"path = "films
format = "canonical"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "a key twice",
        files: &[(
            "my.toml",
            r#"path = "films"
name = "a"
name = "b"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "no source",
        files: &[(
            "my.toml",
            r#"name = "films"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "a folder that is not there",
        files: &[(
            "my.toml",
            r#"path = "flims"
format = "canonical"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "a date that is none",
        files: &[(
            "my.toml",
            r#"path = "films"
[filters]
from = "soon"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "filters and columns that do not fit",
        files: &[(
            "my.toml",
            r#"path = "films"
format = "canonical"
[filters]
from = 2013-07-01
until = 2012-01-01
[columns]
user = "u"
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "a column that is not there",
        files: &[
            (
                "my.toml",
                table!(
                    r#"time = "timestamp"
"#
                ),
            ),
            ("my.csv", "user,item,rating,time\na,x,5,1\n"),
        ],
        ..IMPORT
    },
    Case {
        title: "a line with a wrong rating",
        files: &[
            (
                "my.toml",
                table!(
                    r#"time = "time"
"#
                ),
            ),
            ("my.csv", "user,item,rating,time\na,x,5,1\na,y,good,2\n"),
        ],
        ..IMPORT
    },
    Case {
        title: "a line with too few fields",
        files: &[
            (
                "my.toml",
                table!(
                    r#"time = "time"
"#
                ),
            ),
            ("my.csv", "user,item,rating,time\na,x,5,1\na,y\n"),
        ],
        ..IMPORT
    },
    Case {
        title: "a time in another unit",
        files: &[
            (
                "my.toml",
                table!(
                    r#"time = "time"
"#
                ),
            ),
            ("my.csv", "user,item,rating,time\na,x,5,2013-07-01\n"),
        ],
        ..IMPORT
    },
    Case {
        title: "no interactions",
        files: &[
            (
                "my.toml",
                table!(
                    r#"time = "time"
"#
                ),
            ),
            ("my.csv", "user,item,rating,time\n"),
        ],
        ..IMPORT
    },
    Case {
        title: "filters that leave nothing",
        files: &[(
            "my.toml",
            r#"path = "films"
format = "canonical"
[filters]
min_rating = 6
"#,
        )],
        ..IMPORT
    },
    Case {
        title: "a file that is not there",
        files: &[],
        arguments: &["data", "import", "flims.toml"],
        variables: &[],
    },
];

#[test]
fn what_is_said_of_data_sets() {
    told("data_sets", CASES);
}
