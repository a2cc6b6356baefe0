// burst_walk: the address phases of a transfer, run after run, at most MaxBurst beats each, none across 4 KiB.
//   beats of a run = ceil((address % BusBytes + row_bytes) / BusBytes);  addresses are whole beats
// Golden: the bytes of accel_models.golden.transfer._copy; accel_models.cost.beats in sum.
// start_i in cycle 0, the first address phase in cycle 2 when enable_i is high in cycle 1; then one a cycle. With a row
// list, before the first of each plane a cycle in which its offset is taken (accel_models.row_lists).
// Combinational paths: ready_i -> issue_o; list_ready_i -> list_error_o.
`default_nettype none
module burst_walk #(
  parameter  int unsigned BusBytes = 8,
  parameter  int unsigned MaxBurst = 64,
  localparam int unsigned CountW   = $clog2(MaxBurst + 1)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              start_i,
  input  wire logic              enable_i,        // another address phase may be made
  input  wire logic       [31:0] address_i,       // taken with start_i, as planes_i is; the others hold still after it
  input  wire logic       [31:0] row_stride_i,
  input  wire logic       [31:0] plane_stride_i,
  input  wire logic       [19:0] row_bytes_i,
  input  wire logic       [15:0] rows_i,
  input  wire logic       [15:0] planes_i,
  input  wire logic              listed_i,        // taken with start_i, as the list's address is
  input  wire logic       [19:0] list_address_i,
  output      logic              list_valid_o,    // read port of the list
  input  wire logic              list_ready_i,
  output      logic       [19:0] list_address_o,
  input  wire logic       [31:0] list_data_i,
  output      logic              list_error_o,    // an address of the list left 20 bits
  output      logic              offset_error_o,  // an offset is no multiple of the bus's width or above the plane stride
  output      logic              left_o,          // there are runs to come
  output      logic              issue_o,         // one is made; it is at the outputs from the next cycle on
  output      logic [CountW-1:0] issue_beats_o,
  output      logic              valid_o,
  input  wire logic              ready_i,
  output      logic       [31:0] address_o,
  output      logic        [7:0] len_o,           // beats less one
  output      logic              error_o          // a run starts beyond 2^32
);
  localparam int unsigned OffsetW   = $clog2(BusBytes);
  localparam int unsigned PageBeats = 4096 / BusBytes;
  localparam int unsigned PageW     = $clog2(PageBeats);
  localparam int unsigned BeatsW    = 21 - OffsetW;  // of a whole run
  localparam int unsigned WordW     = 32 - OffsetW;  // address of a beat

  // ready_q: the run's address stands; with a list it does after the jump to its plane.
  logic        plane_end, last_run, next_run, listed_q, ready_q, jump, offset_valid;
  logic [31:0] offset;
  assign jump           = left_o && !ready_q && offset_valid;
  assign offset_error_o = jump && (offset[OffsetW-1:0] != '0 || offset > plane_stride_i);
  row_list u_list (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_i       (start_i && listed_i),
    .address_i     (list_address_i),
    .planes_i      (planes_i),
    .valid_o       (list_valid_o),
    .ready_i       (list_ready_i),
    .address_o     (list_address_o),
    .data_i        (list_data_i),
    .error_o       (list_error_o),
    .offset_valid_o(offset_valid),
    .offset_o      (offset),
    .take_i        (jump)
  );

  logic [32:0] run;
  run_walk u_walk (
    .clk_i      (clk_i),
    .start_i    (start_i),
    .rows_i     (rows_i),
    .planes_i   (planes_i),
    .next_i     (next_run),
    .plane_end_o(plane_end),
    .last_o     (last_run)
  );
  run_address #(
    .Width(32)
  ) u_address (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .address_i     (address_i),
    .row_stride_i  (row_stride_i),
    .plane_stride_i(listed_q ? {offset[31:OffsetW], OffsetW'(0)} : plane_stride_i),
    .next_i        (jump || (next_run && !(listed_q && plane_end))),
    .plane_end_i   (jump || plane_end),
    .listed_i      (listed_q),
    .address_o     (run)
  );

  // Inside a run that takes several, word_q and beats_q say what is left of it.
  logic              inside_q, burst_last;
  logic [BeatsW-1:0] beats_q, beats_left;
  logic       [20:0] bytes_end;
  logic  [WordW-1:0] word_q, word;
  logic    [PageW:0] to_page;
  logic [CountW-1:0] longest, beats;
  assign bytes_end  = 21'(run[OffsetW-1:0]) + 21'(row_bytes_i) + 21'(BusBytes - 1);
  assign beats_left = inside_q ? beats_q : BeatsW'(bytes_end >> OffsetW);
  assign word       = inside_q ? word_q : run[31:OffsetW];
  assign to_page    = (PageW + 1)'(PageBeats) - {1'b0, word[PageW-1:0]};
  assign longest    = (32'(to_page) < MaxBurst) ? CountW'(to_page) : CountW'(MaxBurst);
  assign burst_last = 32'(beats_left) <= 32'(longest);
  assign beats      = burst_last ? CountW'(beats_left) : longest;

  assign issue_o       = left_o && ready_q && enable_i && (!valid_o || ready_i);
  assign issue_beats_o = beats;
  assign next_run      = issue_o && burst_last;
  assign error_o       = issue_o && run[32];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      left_o   <= 1'b0;
      ready_q  <= 1'b1;
      inside_q <= 1'b0;
      valid_o  <= 1'b0;
    end else begin
      if (start_i) left_o <= 1'b1;
      else if (next_run && last_run) left_o <= 1'b0;
      if (start_i) ready_q <= !listed_i;
      else if (jump) ready_q <= 1'b1;
      else if (listed_q && next_run && plane_end) ready_q <= 1'b0;
      if (issue_o) inside_q <= !burst_last;
      if (issue_o) valid_o <= 1'b1;
      else if (ready_i) valid_o <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) listed_q <= listed_i;
    if (issue_o) begin
      word_q    <= word + WordW'(beats);
      beats_q   <= beats_left - BeatsW'(beats);
      address_o <= {word, OffsetW'(0)};
      len_o     <= 8'(beats - 1'b1);
    end
  end
endmodule
`default_nettype wire
