import unittest

from stack.settings import for_role, parse_dotenv, postgres_url, without_password


class ParseDotenv(unittest.TestCase):
    def test_reads_plain_quoted_and_exported_values(self):
        text = "A=1\nexport B='two words'\nC=\"x # y\" # note\n"
        self.assertEqual(parse_dotenv(text), {"A": "1", "B": "two words", "C": "x # y"})

    def test_skips_comments_blank_lines_and_lines_without_a_name(self):
        self.assertEqual(parse_dotenv("# A=1\n\n=x\nnonsense\n"), {})

    def test_cuts_a_trailing_comment_but_keeps_a_hash_inside_a_value(self):
        self.assertEqual(parse_dotenv("A=one # note\nB=a#b\n"), {"A": "one", "B": "a#b"})

    def test_the_first_of_two_entries_counts_as_it_does_for_the_functions(self):
        self.assertEqual(parse_dotenv("A=1\nA=2\n"), {"A": "1"})

    def test_keeps_equals_signs_of_the_value(self):
        self.assertEqual(parse_dotenv("SEED=abc=="), {"SEED": "abc=="})


class Urls(unittest.TestCase):
    def test_another_role_is_on_the_same_server(self):
        url = postgres_url("postgres", "secret", 5433, "postgres")
        self.assertEqual(for_role(url, "countersign_app", "pw", "live"), "postgres://countersign_app:pw@127.0.0.1:5433/live")

    def test_what_is_shown_has_no_password(self):
        self.assertEqual(without_password("postgres://app:s3cret@db:5432/x"), "postgres://app@db:5432/x")
        self.assertEqual(without_password("redis://:s3cret@db:6379/0"), "redis://@db:6379/0")
        self.assertEqual(without_password("redis://db:6379"), "redis://db:6379")


if __name__ == "__main__":
    unittest.main()
