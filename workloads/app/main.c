int unit1(int), unit2(int), unit3(int), unit4(int), unit5(int), unit6(int);

int main(void)
{
    enum { UNITS = 6 };
    int (*const units[UNITS])(int) = {unit1, unit2, unit3, unit4, unit5, unit6};
    for (int n = 0; n < UNITS; n++)
        if (units[n](UNITS) != n + 2)
            return 1;
    return 0;
}
