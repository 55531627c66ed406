//! The backbone keeps what every backbone promises, linked in and loaded.

use lapidary_esasrec as _;

lapidary_testkit::conformance!(backbone: "esasrec");
