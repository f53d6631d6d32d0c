using Gatehouse.Guardrails.Training;

namespace Gatehouse.GuardTraining;

/// <summary>
/// What <c>gatehouse guard train</c> does, without building the server: held-out figures, then the weights of the name tagger.
/// </summary>
internal static class Names
{
    public static int Train(string words, string data, string model)
    {
        var sources = new NameSources(
            File.ReadAllLines(Path.Combine(words, "training-words.txt")),
            File.ReadAllLines(Path.Combine(words, "templates.txt")),
            Figures.Read(data, "pii") ?? [],
            Figures.Read(data, "pii_ner_wnut17") ?? [],
            Figures.Read(data, "injection") ?? []);
        foreach (var figure in NameTraining.CrossValidate(sources))
        {
            Console.WriteLine(figure);
        }

        using var file = File.Create(model);
        NameTraining.Train(sources, file);
        return 0;
    }
}
