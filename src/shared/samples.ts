/** The data sets in media/samples, by name: in a browser the files of an extension can be read and not listed. */
export const sampleNames = [
  'abalone.csv',
  'airfoil.csv',
  'breast_cancer.csv',
  'co2_1d.csv',
  'diabetes.csv',
  'ionosphere.csv',
  'iris.csv',
  'penguins.csv',
  'sonar.csv',
  'spambase.csv',
  'spirals_2d.csv',
  'wine.csv',
  'winequality_white.csv',
  'xor_2d.csv',
] as const;

/** The lessons in media/samples/lessons: folder, title and data set of each. */
export const lessonNames = [
  { folder: 'neurons', title: 'How many neurons does XOR need?', data: 'xor_2d.csv' },
  { folder: 'beat-the-bound', title: 'Beat the bound', data: 'xor_2d.csv' },
  { folder: 'sparsity', title: 'What a neuron has to earn', data: 'co2_1d.csv' },
] as const;
