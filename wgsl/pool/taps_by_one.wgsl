// Which pixel of its window each element of y is, for one channel: a word.
alias Index = u32;
alias Flag = bool;
fn packed(tap: Index) -> u32 { return tap; }
fn unpacked(word: u32) -> Index { return word; }
