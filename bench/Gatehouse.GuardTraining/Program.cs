using Gatehouse.GuardTraining;

return args switch
{
    ["cross-validate", var data, .. var rest] => Experiments.CrossValidate(data, rest),
    ["cross-validate-indirect", var data, .. var rest] => IndirectTraining.CrossValidate(data, rest),
    ["shipped", var data, .. var rest] => ShippedEvaluation.Run(data, rest.Contains("misses")),
    ["leave-one-out", var data] => Experiments.LeaveOneOut(data),
    ["harm", var data, .. var rest] => HarmEvaluation.Run(data, rest.Contains("misses")),
    ["names", var words, var data, var model] => Names.Train(words, data, model),
    ["eval", var data, .. var sets] => Figures.Print(data, sets),
    ["compare", var data, var before, var after] => SpeedComparison.Run(data, before, after),
    ["findings", var data, .. var rest] => Findings.Print(data, rest),
    ["secrets", var data] => SecretMisses.Run(data),
    ["train", var data, var model] => Training.Run(data, model),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        "usage: train DATA MODEL | cross-validate DATA [misses] [seeds=N] | cross-validate-indirect DATA [misses] | leave-one-out DATA | shipped DATA [misses] | harm DATA [misses] | secrets DATA | findings DATA [all] | compare DATA BEFORE AFTER | eval DATA [SET …] | names WORDS DATA MODEL");
    return 2;
}
