import type { Location } from '../../model/inventory.ts';
import { nearest } from './nearest.ts';

/**
 * Cities where servers are commonly rented: name, codes by which data centres call them, country,
 * latitude and longitude of the city centre.
 */
const table = `
amsterdam     ams     NL  52.37     4.9
ashburn       iad,ash US  39.04  -77.49
athens        ath     GR  37.98   23.73
atlanta       atl     US  33.75  -84.39
auckland      akl     NZ -36.85  174.76
bangalore     blr     IN  12.97   77.59
bangkok       bkk     TH  13.76   100.5
barcelona     bcn     ES  41.39    2.17
beauharnois   bhs     CA  45.31  -73.87
berlin        ber     DE  52.52   13.41
bogota        bog     CO   4.71  -74.07
brussels      bru     BE  50.85    4.35
bucharest     otp     RO  44.43    26.1
budapest      bud     HU   47.5   19.04
buenos-aires  eze     AR  -34.6  -58.38
chicago       ord,chi US  41.88  -87.63
copenhagen    cph     DK  55.68   12.57
dallas        dfw     US  32.78   -96.8
delhi         del     IN  28.61   77.21
denver        den     US  39.74 -104.99
dubai         dxb     AE   25.2   55.27
dublin        dub     IE  53.35   -6.26
dusseldorf    dus     DE  51.23    6.77
falkenstein   fsn     DE  50.48   12.37
frankfurt     fra     DE  50.11    8.68
gravelines    gra     FR  50.99    2.13
hanoi         han     VN  21.03  105.85
helsinki      hel     FI  60.17   24.94
hillsboro     hil     US  45.52 -122.99
hong-kong     hkg     HK  22.32  114.17
istanbul      ist     TR  41.01   28.98
jakarta       cgk     ID  -6.21  106.85
johannesburg  jnb     ZA  -26.2   28.05
kuala-lumpur  kul     MY   3.14  101.69
kyiv          kbp     UA  50.45   30.52
lagos         los     NG   6.52    3.38
lisbon        lis     PT  38.72   -9.14
london        lon,lhr GB  51.51   -0.13
los-angeles   lax     US  34.05 -118.24
luxembourg    lux     LU  49.61    6.13
madrid        mad     ES  40.42    -3.7
manila        mnl     PH   14.6  120.98
marseille     mrs     FR   43.3    5.37
melbourne     mel     AU -37.81  144.96
mexico-city   mex     MX  19.43  -99.13
miami         mia     US  25.76  -80.19
milan         mil,mxp IT  45.46    9.19
montreal      yul     CA   45.5  -73.57
mumbai        bom     IN  19.08   72.88
new-york      nyc,jfk US  40.71  -74.01
nuremberg     nbg,nue DE  49.45   11.08
osaka         osa,kix JP  34.69   135.5
oslo          osl     NO  59.91   10.75
paris         par,cdg FR  48.86    2.35
prague        prg     CZ  50.08   14.44
riga          rix     LV  56.95   24.11
roubaix       rbx     FR  50.69    3.17
san-francisco sfo     US  37.77 -122.42
san-jose      sjc     US  37.34 -121.89
santiago      scl     CL -33.45  -70.67
sao-paulo     gru     BR -23.55  -46.63
seattle       sea     US  47.61 -122.33
seoul         icn     KR  37.57  126.98
singapore     sin,sgp SG   1.35  103.82
sofia         sof     BG   42.7   23.32
stockholm     arn,sto SE  59.33   18.07
strasbourg    sbg     FR  48.57    7.75
sydney        syd     AU -33.87  151.21
taipei        tpe     TW  25.03  121.57
tallinn       tll     EE  59.44   24.75
tel-aviv      tlv     IL  32.09   34.78
tokyo         tyo,nrt JP  35.68  139.65
toronto       yyz,tor CA  43.65  -79.38
vienna        vie     AT  48.21   16.37
vilnius       vno     LT  54.69   25.28
warsaw        waw     PL  52.23   21.01
zurich        zrh     CH  47.38    8.54
`;

const cities: ReadonlyMap<string, Location> = new Map(
  table
    .trim()
    .split('\n')
    .flatMap((row) => {
      const [name = '', codes = '', country = '', latitude, longitude] = row.split(/ +/);
      const city = { name, latitude: Number(latitude), longitude: Number(longitude), country };
      return [name, ...codes.split(',')].map((word): [string, Location] => [word, city]);
    }),
);

/**
 * The city called `text`: an English city name or the code of an airport or data centre (`fra`,
 * `nyc`). Case, spaces, and a number after a code (`fra1`) do not matter.
 */
export const findCity = (text: string): Location | null => {
  const word = text.trim().toLowerCase().replace(/[ _]+/g, '-');
  return cities.get(word) ?? cities.get(word.replace(/-?\d{1,2}$/, '')) ?? null;
};

/** The known city that `text` may have meant. */
export const nearestCity = (text: string): string | null => nearest(text, cities.keys());
