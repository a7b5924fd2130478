import base64
import json
import unittest
from urllib.parse import quote

from stack.needles import Needle, search

SECRET = "p@ss \"word\"/é+1~"


class Search(unittest.TestCase):
    def found(self, content, secret=SECRET):
        return [find.name for find in search([Needle("it", secret)], {"place": content})]

    def test_a_secret_is_found_in_every_spelling(self):
        plain = SECRET.encode()
        nested = json.dumps(json.dumps({"a": SECRET}))
        for content in (plain, quote(SECRET, safe="").encode(), nested.encode(), plain.hex().encode(), plain.hex().upper().encode()):
            self.assertEqual(self.found(b"before " + content + b" after"), ["it"], content)

    def test_a_secret_is_found_wherever_it_stands_in_base64(self):
        for front in range(6):
            for back in range(6):
                inner = b"x" * front + SECRET.encode() + b"y" * back
                for encode in (base64.b64encode, base64.urlsafe_b64encode):
                    self.assertEqual(self.found(encode(inner)), ["it"], (front, back))

    def test_what_is_not_there_is_not_found(self):
        self.assertEqual(self.found(SECRET[:-1].encode()), [])

    def test_forms_are_found_without_being_known(self):
        key = "cs_dev_" + "0" * 22 + "_" + "a" * 33
        for form in (key, "cst_" + "-" * 43, "csl_" + "-" * 64, "whsec_" + "A" * 32):
            self.assertEqual(self.found(f'{{"a":"{form}"}}'.encode()), ["a credential by its form"])
        for harmless in ("cst_short", "csl_short", "docs_dev_" + "0" * 22 + "_" + "a" * 33, "cs_dev_1_2"):
            self.assertEqual(self.found(harmless.encode()), [])

    def test_a_find_does_not_show_the_secret(self):
        (find,) = search([Needle("it", SECRET)], {"place": b"before " + SECRET.encode() + b" after"})
        self.assertNotIn(SECRET, str(find))
        self.assertIn("before", str(find))


if __name__ == "__main__":
    unittest.main()
