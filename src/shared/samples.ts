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
