import unittest

from stack.sql import SqlError, scram_final


class Scram(unittest.TestCase):
    def test_the_example_of_rfc_7677(self):
        nonce = "rOprNGfwEbeRWgbNEkqO"
        challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        self.assertEqual(
            scram_final("pencil", nonce, f"n=user,r={nonce}", challenge),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        )

    def test_refuses_a_challenge_that_is_not_for_its_nonce(self):
        with self.assertRaises(SqlError):
            scram_final("pencil", "mine", "n=,r=mine", "r=other,s=AAAA,i=4096")


if __name__ == "__main__":
    unittest.main()
