using Gatehouse.Guardrails.Evaluation;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Pii.Names;

namespace Gatehouse.Guardrails.Training;

/// <summary>What the name tagger is trained on.</summary>
/// <param name="Words">Lists of streets and jobs, in sections.</param>
/// <param name="Templates">Sentences with slots, written for the training.</param>
/// <param name="Sentences">Marked sentences, of which only the templates are used: their values are not ours to train on.</param>
/// <param name="Posts">Marked posts.</param>
/// <param name="Prompts">Prompts, of which harmless ones under a free licence give sentences without names.</param>
public sealed record NameSources(
    IReadOnlyList<string> Words, IReadOnlyList<string> Templates, IReadOnlyList<LabelledText> Sentences, IReadOnlyList<LabelledText> Posts,
    IReadOnlyList<LabelledText> Prompts);

/// <summary>The training of the name tagger from its sources to its weights. The same sources give the same weights.</summary>
public static class NameTraining
{
    private const int Bits = 15;
    private const int Rounds = 6;
    private const int Seed = 17;
    private const int PerOwnTemplate = 45;
    private const int PerGivenTemplate = 120;
    private const int PerPlain = 8;
    private const int Folds = 4;

    private static readonly string[] FreePrompts =
        ["arena_hard_v0.1", "arena_hard_v2.0", "awesome_chatgpt_prompts", "cyberseceval_frr", "wildguard_benign", "self_instruct_user",
            "xstest_safe", "mt_bench", "fuzzyai_benign"];

    /// <summary>Trains on everything and writes the weights.</summary>
    public static void Train(NameSources sources, Stream to) => Fit(sources, _ => true, to);

    /// <summary>Trains without a quarter of the templates and measures on the sentences made from that quarter, four times.</summary>
    public static IEnumerable<Figure> CrossValidate(NameSources sources)
    {
        for (var fold = 0; fold < Folds; fold++)
        {
            var held = fold;
            using var nowhere = new MemoryStream();
            var detector = new PiiDetector(new PiiOptions(), Fit(sources, key => FoldOf(key) != held, nowhere));
            foreach (var figure in PiiEvaluation.Sentences(
                $"pii, fold {fold + 1}", [.. sources.Sentences.Where(s => FoldOf(s.Group) == held)], detector))
            {
                yield return figure;
            }
        }
    }

    private static int FoldOf(string key) => (int)((Tokenizer.HashOf(key) >> 5) % Folds);

    private static NameModel Fit(NameSources sources, Func<string, bool> uses, Stream to)
    {
        var random = new Random(Seed);
        var corpus = new NameCorpus(new SlotValues(NameCorpus.AllLists(sources.Words), random), random);
        List<TrainingText> texts = [];
        foreach (var template in sources.Templates.Where(t => t.Length > 0 && t[0] != '#'))
        {
            Add(template.Replace("\\n", "\n", StringComparison.Ordinal), PerOwnTemplate);
        }

        foreach (var template in sources.Sentences.Select(s => s.Group).Distinct().Order(StringComparer.Ordinal).Where(uses))
        {
            Add(template, PerGivenTemplate);
        }

        texts.AddRange(sources.Posts.Where(p => uses(p.Text)).Select(p =>
            new TrainingText(p.Text, [.. p.Spans.Select(s => new TrainingSpan(s.Start, s.End, s.Type, random.Next(3) == 0))])));
        texts.AddRange(sources.Prompts.Where(p => !p.Label && FreePrompts.Contains(p.Source)).SelectMany(p => NameCorpus.Plain(p.Text)));

        var trainer = new NameTrainer(Bits, random);
        trainer.Train(texts, Rounds);
        return trainer.Finish(to);

        void Add(string template, int times)
        {
            for (var i = 0; i < (template.Contains("{{", StringComparison.Ordinal) ? times : PerPlain); i++)
            {
                texts.Add(corpus.Fill(template));
            }
        }
    }
}
