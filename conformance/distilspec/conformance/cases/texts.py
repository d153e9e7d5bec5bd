"""Sentences for whole models, written for this project: of many lengths, with numbers, names, code and rare words."""

from __future__ import annotations

#: For calibration; none of them is judged.
CALIBRATION = (
    "The ferry to the northern islands leaves at half past six, even in winter.",
    "How do I reset the password of an account whose mail address no longer exists?",
    "Prices rose by 3.7 % in the second quarter, less than most analysts had expected.",
    "def area(width, height): return width * height",
    "A slow film with a wonderful cast; I left the cinema happier than I had come.",
    "Boil the lentils for twenty minutes, then add lemon juice, salt and plenty of parsley.",
    "No.",
    "The committee, which had met only twice since the spring, adjourned without voting on the amendment that its "
    "own chairman had proposed, and several members let it be known that they would not return.",
    "Photosynthesis turns carbon dioxide and water into glucose, and releases oxygen.",
    "My train was cancelled AGAIN!!! Third time this week :(",
    "Quarks come in six flavours: up, down, charm, strange, top and bottom.",
    "The plumber said the valve was fine and charged us for saying so.",
    "Where can I find the nearest pharmacy that is open on Sundays?",
    "She sold seashells, shells and other things beginning with s.",
    "Error 0x80070057: the parameter is incorrect.",
    "In 1877 Giovanni Schiaparelli reported straight lines on the surface of Mars.",
    "This vacuum cleaner stopped working after two days and support never answered.",
    "Tokyo, Osaka, Nagoya, Sapporo, Fukuoka.",
    "The judge dismissed the case because the contract had never been signed.",
    "You may borrow up to eight books for a period of four weeks.",
    "It rained so hard that the goalkeeper could not see the other goal.",
    "Insulin lowers the level of glucose in the blood.",
    "He plays the bassoon, badly but with conviction.",
    "SELECT name, SUM(total) FROM orders GROUP BY name HAVING SUM(total) > 100;",
)

#: For judging: one batch of mixed lengths, so that most rows have padding; four pairs that mean nearly the same, so
#: that which other sentence is nearest is a decision and not a toss-up.
MIXED = (
    "A cat sleeps on the warm roof of the bakery.",
    "On top of the bakery a kitten is taking a nap.",
    "The central bank left its interest rate unchanged on Thursday.",
    "Interest rates stay where they are, the central bank said.",
    "What an awful film.",
    "It was a terrible film, and I have seen many of them.",
    "Run the tests before you open a pull request.",
    "Install the package, create a virtual environment, and make sure that all tests pass before you send us your pull "
    "request; otherwise the reviewers will ask you to do just that.",
)

#: For judging: a batch of one.
SINGLE = ("Nobody has written down what right is.",)
