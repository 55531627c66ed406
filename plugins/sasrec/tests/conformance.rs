//! The backbone keeps what every backbone promises, linked in and loaded.

use lapidary_sasrec as _;

lapidary_testkit::conformance!(backbone: "sasrec");
