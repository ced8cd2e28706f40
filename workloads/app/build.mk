# A small project from its sources in $(FROM) to its test. Its units are one source with three numbers.
UNITS = unit1 unit2 unit3

check: program expected
	./program >report
	cmp report expected >&2

program: main.o libunits.a
	gcc -o $@ main.o libunits.a

libunits.a: $(UNITS:%=%.o)
	ar rcs $@ $^

%.o: %.c
	gcc -O1 -c -o $@ $<

unit%.c: $(FROM)/template.c
	sed 's/@/$*/g' $< >$@

main.c: $(FROM)/main.c
	cp $< $@

expected:
	printf 'unit %s of 3\n' 1 2 3 >$@

.SECONDARY:
